/** A discrete Fourier transform of one length, planned once: `re` and `im` are replaced by their transform. */
export type Fft = (re: Float64Array, im: Float64Array) => void;

interface Signal {
  readonly re: Float64Array;
  readonly im: Float64Array;
}

interface Pass {
  readonly radix: number;
  readonly groups: number; // butterflies a stride apart
  readonly stride: number;
  /** [groups, radix (output), radix (input)] of e^(-2πi (jk / radix + pk / (groups · radix))) */
  readonly cos: Float64Array;
  readonly sin: Float64Array;
}

/** Plans a complex transform of length Π radices (Stockham's form: each pass sorts as it goes; f64 throughout). */
export function planFft(radices: readonly number[]): Fft {
  const length = radices.reduce((product, radix) => product * radix, 1);
  const passes: Pass[] = [];
  let stride = 1;
  for (const radix of radices) {
    passes.push(planPass(radix, length / (stride * radix), stride));
    stride *= radix;
  }
  const scratch = { re: new Float64Array(length), im: new Float64Array(length) };
  return (re, im) => {
    let [from, to]: [Signal, Signal] = [{ re, im }, scratch];
    for (const pass of passes) {
      runPass(pass, from, to);
      [from, to] = [to, from];
    }
    if (from === scratch) {
      re.set(from.re);
      im.set(from.im);
    }
  };
}

function planPass(radix: number, groups: number, stride: number): Pass {
  const cos = new Float64Array(groups * radix * radix);
  const sin = new Float64Array(groups * radix * radix);
  let at = 0;
  for (let p = 0; p < groups; p++) {
    for (let k = 0; k < radix; k++) {
      for (let j = 0; j < radix; j++, at++) {
        const angle = (-2 * Math.PI * ((k * (j * groups + p)) % (groups * radix))) / (groups * radix);
        cos[at] = Math.cos(angle);
        sin[at] = Math.sin(angle);
      }
    }
  }
  return { radix, groups, stride, cos, sin };
}

/** y[q + s(rp + k)] = Σ_j x[q + s(p + jm)] · w, for groups p < m, strides q < s and radix r. */
function runPass(
  { radix, groups, stride, cos, sin }: Pass,
  { re: xRe, im: xIm }: Signal,
  { re: yRe, im: yIm }: Signal,
): void {
  const step = stride * groups;
  for (let p = 0; p < groups; p++) {
    for (let k = 0; k < radix; k++) {
      const w = (p * radix + k) * radix;
      for (let q = 0; q < stride; q++) {
        let re = 0;
        let im = 0;
        let x = q + stride * p;
        for (let j = 0; j < radix; j++, x += step) {
          re += xRe[x]! * cos[w + j]! - xIm[x]! * sin[w + j]!;
          im += xRe[x]! * sin[w + j]! + xIm[x]! * cos[w + j]!;
        }
        const y = q + stride * (radix * p + k);
        yRe[y] = re;
        yIm[y] = im;
      }
    }
  }
}
