/** Durations as manifests write them (`250ms`, `30s`, `1m30s`, `2h`) and as people read them. Milliseconds inside. */

const unitMs: Record<string, number> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** JSON Schema pattern of a duration; a unit is always required. */
export const durationPattern = '^([0-9]+(\\.[0-9]+)?(ms|s|m|h|d))+$';

/** Milliseconds of a duration text, or null when it is not one (no unit, negative, not finite). */
export function parseDuration(text: string): number | null {
  if (!new RegExp(durationPattern).test(text)) return null;
  let totalMs = 0;
  for (const [, amount, unit] of text.matchAll(/([0-9]+(?:\.[0-9]+)?)(ms|s|m|h|d)/g)) totalMs += Number(amount) * unitMs[unit!]!;
  return Number.isSafeInteger(Math.round(totalMs)) ? Math.round(totalMs) : null;
}

/** A duration for people, two units at most: `850ms`, `4.2s`, `3m12s`, `5h30m`, `12d`. */
export function formatDuration(ms: number): string {
  if (ms < 1_000) return `${Math.round(ms)}ms`;
  if (ms < 60_000) return `${trim(ms / 1_000)}s`;
  const [bigMs, big, smallMs, small] =
    ms < unitMs['h']!
      ? [unitMs['m']!, 'm', unitMs['s']!, 's']
      : ms < unitMs['d']!
        ? [unitMs['h']!, 'h', unitMs['m']!, 'm']
        : [unitMs['d']!, 'd', unitMs['h']!, 'h'];
  const whole = Math.floor(ms / bigMs);
  const rest = Math.floor((ms % bigMs) / smallMs);
  return rest === 0 ? `${whole}${big}` : `${whole}${big}${rest}${small}`;
}

function trim(value: number): string {
  return value >= 10 ? String(Math.floor(value)) : value.toFixed(1).replace(/\.0$/, '');
}
