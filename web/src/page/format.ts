/** Quantities in words that a person understands. */

const number = (digits: number) => new Intl.NumberFormat("en", { maximumFractionDigits: digits });

/** 6.2 MB; 1 MB is 10⁶ bytes. */
export function bytes(n: number): string {
  const [divisor, unit] = n >= 1e9 ? [1e9, "GB"] : n >= 1e6 ? [1e6, "MB"] : [1e3, "kB"];
  return `${number(n / divisor < 10 ? 1 : 0).format(n / divisor)} ${unit}`;
}

/** 3.0 s, 2:05, 3:00:00. */
export function clock(seconds: number): string {
  if (seconds < 60) return `${seconds.toFixed(1)} s`;
  const [h, m, s] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, Math.floor(seconds) % 60];
  const two = (n: number) => String(n).padStart(2, "0");
  return h > 0 ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`;
}

/** Milliseconds, seconds, minutes, hours, days or years, whichever reads best. */
export function duration(seconds: number): string {
  const units: [number, string][] = [
    [365.25 * 86_400, "year"],
    [86_400, "day"],
    [3600, "hour"],
    [60, "minute"],
    [1, "second"],
  ];
  const [size, name] = units.find(([of]) => seconds >= 2 * of) ?? [1e-3, "ms"];
  const n = number(seconds / size < 10 ? 1 : 0).format(seconds / size);
  return name === "ms" ? `${n} ms` : `${n} ${name}s`;
}

/** 1.8 billion. */
export function count(n: number): string {
  const [divisor, name] =
    n >= 1e12 ? [1e12, " trillion"] : n >= 1e9 ? [1e9, " billion"] : n >= 1e6 ? [1e6, " million"] : [1, ""];
  return `${number(n / divisor < 10 && divisor > 1 ? 1 : 0).format(n / divisor)}${name}`;
}

export const plural = (n: number, one: string, many = `${one}s`): string =>
  `${number(0).format(n)} ${n === 1 ? one : many}`;

/** With a true minus sign. */
export const signed = (n: number, digits = 2): string => n.toFixed(digits).replace("-", "−");
