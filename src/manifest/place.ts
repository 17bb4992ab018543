/** Where something stands in a file: offsets to lines and columns, and how a field's path is written. */

export type Segment = string | number;

export interface Place {
  /** 1-based. */
  readonly line: number;
  /** 1-based, counts UTF-16 units. */
  readonly column: number;
}

/** The place of an offset in `text`, whose first character is on line `firstLine`. An offset past the end is the end. */
export function placeAt(text: string, offset: number, firstLine = 1): Place {
  const end = Math.min(Math.max(offset, 0), text.length);
  let line = firstLine;
  let lineStart = 0;
  for (let next = text.indexOf('\n'); next !== -1 && next < end; next = text.indexOf('\n', next + 1)) {
    line += 1;
    lineStart = next + 1;
  }
  return { line, column: end - lineStart + 1 };
}

/** `spec.health.checks[1].p95`; keys that are not plain words stand in brackets: `metadata.labels["a.b/c"]`. */
export function pathText(path: readonly Segment[]): string {
  let text = '';
  for (const segment of path) {
    if (typeof segment === 'number') text += `[${segment}]`;
    else if (/^[A-Za-z_$][\w$-]*$/.test(segment)) text += text === '' ? segment : `.${segment}`;
    else text += `[${JSON.stringify(segment)}]`;
  }
  return text;
}

/** The value at a path of a plain tree; undefined when there is none. Looks at own members only. */
export function valueAt(tree: unknown, path: readonly Segment[]): unknown {
  let value = tree;
  for (const segment of path) {
    if (value === null || typeof value !== 'object' || !Object.hasOwn(value, segment)) return undefined;
    value = (value as Record<Segment, unknown>)[segment];
  }
  return value;
}

/** True for a mapping: not null, not a list. */
export function isMap(value: unknown): value is Record<string, unknown> {
  return value !== null && typeof value === 'object' && !Array.isArray(value);
}
