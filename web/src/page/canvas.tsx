import { useEffect, useRef } from "preact/hooks";
import { dark } from "./theme.ts";

interface CanvasProps {
  readonly class: string;
  readonly draw: (canvas: HTMLCanvasElement, signal: AbortSignal) => void | Promise<void>;
  /** What is drawn: another is drawn anew. */
  readonly of: unknown;
}

/** A picture that is drawn again when its size or the theme changes; the words beside it say what it shows. */
export function Canvas({ class: name, draw, of }: CanvasProps) {
  const ref = useRef<HTMLCanvasElement>(null);
  const theme = dark.value;
  useEffect(() => {
    const canvas = ref.current!;
    let drawing = new AbortController();
    const observer = new ResizeObserver(() => {
      drawing.abort();
      drawing = new AbortController();
      void draw(canvas, drawing.signal);
    });
    observer.observe(canvas); // which calls at once
    return () => {
      drawing.abort();
      observer.disconnect();
    };
  }, [of, theme]);
  return <canvas ref={ref} class={name} />;
}
