/** Waveforms and spectrograms on canvases, as sharp as the screen, in slices that leave the page responsive. */
import type { HeardClip } from "../engine/engine.ts";
import { rgb } from "./theme.ts";

const SLICE = 256; // frames of a spectrogram drawn before others have a turn

/** Makes the canvas as many pixels as it covers on the screen. */
export function fit(canvas: HTMLCanvasElement): CanvasRenderingContext2D {
  const { width, height } = canvas.getBoundingClientRect();
  canvas.width = Math.max(1, Math.round(width * devicePixelRatio));
  canvas.height = Math.max(1, Math.round(height * devicePixelRatio));
  return canvas.getContext("2d")!;
}

/** One bar a pixel, from the lowest to the highest sample. */
export function drawWaveform(canvas: HTMLCanvasElement, waveform: Float32Array): void {
  const context = fit(canvas);
  const { width, height } = canvas;
  const stretches = waveform.length / 2;
  const loudest = waveform.reduce((most, sample) => Math.max(most, Math.abs(sample)), 1e-3);
  context.fillStyle = `rgb(${rgb("--wave").join(" ")})`;
  for (let x = 0; x < width; x++) {
    const from = Math.floor((x * stretches) / width);
    const to = Math.max(from + 1, Math.floor(((x + 1) * stretches) / width));
    let [low, high] = [0, 0];
    for (let i = from; i < to; i++) {
      low = Math.min(low, waveform[2 * i]!);
      high = Math.max(high, waveform[2 * i + 1]!);
    }
    const [top, bottom] = [high, low].map((sample) => ((1 - (0.9 * sample) / loudest) / 2) * height) as [
      number,
      number,
    ];
    context.fillRect(x, top, 1, Math.max(1, bottom - top));
  }
}

/** Loud is ink, silence is paper; the lowest band at the bottom. */
export async function drawMel(
  canvas: HTMLCanvasElement,
  { frames, bands, values }: HeardClip["mel"],
  signal: AbortSignal,
): Promise<void> {
  if (frames === 0) return;
  const [paper, ink] = [rgb("--mel-quiet"), rgb("--mel-loud")];
  const picture = Object.assign(document.createElement("canvas"), { width: frames, height: bands });
  const pixels = picture.getContext("2d")!;
  for (let from = 0; from < frames; from += SLICE) {
    const width = Math.min(SLICE, frames - from);
    const image = pixels.createImageData(width, bands);
    for (let x = 0; x < width; x++)
      for (let band = 0; band < bands; band++) {
        const loud = values[(from + x) * bands + band]! / 255;
        const at = 4 * ((bands - 1 - band) * width + x);
        for (let c = 0; c < 3; c++) image.data[at + c] = paper[c]! + loud * (ink[c]! - paper[c]!);
        image.data[at + 3] = 255;
      }
    pixels.putImageData(image, from, 0);
    if (from + SLICE < frames) await new Promise((resolve) => setTimeout(resolve));
    if (signal.aborted) return;
  }
  const context = fit(canvas);
  context.imageSmoothingQuality = "high";
  context.drawImage(picture, 0, 0, canvas.width, canvas.height);
}
