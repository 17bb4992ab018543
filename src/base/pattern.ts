/** Patterns of names: `*` stands for any run of characters, none included; everything else for itself. All in linear time. */

/** Whether a name fits a pattern. */
export function fits(pattern: string, name: string): boolean {
  const parts = pattern.split('*');
  const first = parts[0] ?? '';
  if (parts.length === 1) return name === pattern;
  if (!name.startsWith(first)) return false;
  let at = first.length;
  for (const part of parts.slice(1, -1)) {
    const found = name.indexOf(part, at);
    if (found < 0) return false;
    at = found + part.length;
  }
  const last = parts.at(-1) ?? '';
  return name.length - last.length >= at && name.endsWith(last);
}

/** Whether there is a name that fits both patterns. */
export function overlap(a: string, b: string): boolean {
  if (!a.includes('*')) return fits(b, a);
  if (!b.includes('*')) return fits(a, b);
  // Both have a star: what stands between first and last star can follow one upon the other, so that only the ends decide.
  const [startOfA, startOfB] = [a.slice(0, a.indexOf('*')), b.slice(0, b.indexOf('*'))];
  const [endOfA, endOfB] = [a.slice(a.lastIndexOf('*') + 1), b.slice(b.lastIndexOf('*') + 1)];
  return (startOfA.startsWith(startOfB) || startOfB.startsWith(startOfA)) && (endOfA.endsWith(endOfB) || endOfB.endsWith(endOfA));
}

/** Whether every name that fits `narrow` fits `wide`. */
export function covers(wide: string, narrow: string): boolean {
  // A star is a character like any other to `fits`, and only a star of `wide` can take it.
  return fits(wide, narrow);
}
