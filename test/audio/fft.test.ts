import { test } from "uvu";
import { planFft } from "../../src/audio/fft.ts";
import { checkClose } from "./fixtures.ts";

/** The transform by its definition. */
function dft(re: Float64Array, im: Float64Array) {
  const length = re.length;
  const sum = (k: number, part: (angle: number, i: number) => number) =>
    re.reduce((total, _, i) => total + part((-2 * Math.PI * ((k * i) % length)) / length, i), 0);
  return {
    re: re.map((_, k) => sum(k, (angle, i) => re[i]! * Math.cos(angle) - im[i]! * Math.sin(angle))),
    im: re.map((_, k) => sum(k, (angle, i) => re[i]! * Math.sin(angle) + im[i]! * Math.cos(angle))),
  };
}

for (const radices of [[2], [5], [3, 2], [4, 5], [2, 3, 7], [4, 4, 5, 5]]) {
  test(`radices ${radices.join(", ")} give the transform of its definition`, () => {
    const length = radices.reduce((product, radix) => product * radix, 1);
    const re = Float64Array.from({ length }, (_, i) => Math.sin(i * i));
    const im = Float64Array.from({ length }, (_, i) => Math.cos(3 * i * i));
    const want = dft(re, im);
    planFft(radices)(re, im);
    checkClose("re", re, want.re, 1e-11);
    checkClose("im", im, want.im, 1e-11);
  });
}

test.run();
