/** Sizes, shares and factors as manifests write them, and what is written back without losing anything. */

const sizeUnits: Readonly<Record<string, number>> = { '': 1, k: 1e3, M: 1e6, G: 1e9, Ki: 1024, Mi: 1024 ** 2, Gi: 1024 ** 3 };

/** Bytes of `10Mi`, `512Ki`, `10M`, `1024` or a number; null when it is none or not a whole number of bytes. */
export function parseSize(size: string | number): number | null {
  const match = /^([0-9]+(?:\.[0-9]+)?)(k|M|G|Ki|Mi|Gi)?$/.exec(String(size));
  if (match === null) return null;
  const bytes = Number(match[1]) * sizeUnits[match[2] ?? '']!;
  return Number.isSafeInteger(bytes) ? bytes : null;
}

/** 0..1 of `1%` or a number. */
export function parseShare(share: string | number): number | null {
  if (typeof share === 'number') return share >= 0 && share <= 1 ? share : null;
  const match = /^([0-9]+(?:\.[0-9]+)?)%$/.exec(share);
  return match === null ? null : Number(match[1]) / 100;
}

/** 1.5 of `1.5x`. */
export function parseFactor(factor: string): number | null {
  const match = /^([0-9]+(?:\.[0-9]+)?)x$/.exec(factor);
  return match === null ? null : Number(match[1]);
}

/** A share that parses back to exactly `share`, which came from a percentage of at most four decimals: `2%`, `0.5%`. */
export function shareText(share: number): string {
  return `${Number((share * 100).toFixed(4))}%`;
}

/** A duration that parses back to exactly `ms`: `250ms`, `90s`, `10m`, `2h`. */
export function durationText(ms: number): string {
  for (const [unit, unitMs] of [
    ['h', 3_600_000],
    ['m', 60_000],
    ['s', 1_000],
  ] as const)
    if (ms >= unitMs && ms % unitMs === 0) return `${ms / unitMs}${unit}`;
  return `${ms}ms`;
}

/** A size that parses back to exactly `bytes`: `10Mi`, `1500`. */
export function sizeText(bytes: number): string | number {
  for (const unit of ['Gi', 'Mi', 'Ki']) {
    const unitBytes = sizeUnits[unit]!;
    if (bytes >= unitBytes && bytes % unitBytes === 0) return `${bytes / unitBytes}${unit}`;
  }
  return bytes;
}
