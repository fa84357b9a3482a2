/** How a head looks: its shape says on or off, its colour what is asked of the map. */

export interface Look {
  /** A CSS colour. */
  readonly fill: string;
  readonly on: boolean;
}

const part = (share: number) => Math.round(20 * Math.min(1, share)) * 5; // steps of 5 %: few colours, few changes

/** Blue above 0, orange below, pale at 0: told apart by eyes of every kind, and by lightness. @param t −1 to 1 */
export const diverging = (t: number): string =>
  `color-mix(in oklab, var(--heat-${t < 0 ? "minus" : "plus"}) ${part(Math.abs(t))}%, var(--heat-zero))`;

/** The strongest of the values that are known, at least `least`. */
export const strongest = (values: Float32Array, least = 1e-6): number =>
  values.reduce((most, value) => (Math.abs(value) > most ? Math.abs(value) : most), least);
