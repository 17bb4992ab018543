/**
 * JSON values as services send them: of any shape and depth. Nothing here recurses or throws, and each costs no more than the
 * size of what it looks at. Members are only ever asked for as own ones: `__proto__` is a name like any other.
 */

export type Members = Readonly<Record<string, unknown>>;

export function isMembers(value: unknown): value is Members {
  return value !== null && typeof value === 'object' && !Array.isArray(value);
}

/** An own member; undefined when there is none. */
export function member(value: Members, key: string): unknown {
  return Object.hasOwn(value, key) ? value[key] : undefined;
}

/**
 * Whether two values are equal as JSON; a member that is undefined is none. `follow` hears of each member of
 * `a` and answers further pairs that must be equal too (what a `$ref` leads to), or null to end the walk: the answer is then no.
 */
export function sameJson(
  a: unknown,
  b: unknown,
  follow?: (key: string, value: unknown) => readonly (readonly [unknown, unknown])[] | null,
): boolean {
  const pairs: (readonly [unknown, unknown])[] = [[a, b]];
  for (let pair = pairs.pop(); pair !== undefined; pair = pairs.pop()) {
    const [x, y] = pair;
    if (x === null || y === null || typeof x !== 'object' || typeof y !== 'object') {
      if (x !== y) return false;
      continue;
    }
    if (Array.isArray(x) !== Array.isArray(y)) return false;
    const keys = keysOf(x as Members);
    if (keys.length !== keysOf(y as Members).length) return false;
    for (const key of keys) {
      const [left, right] = [(x as Members)[key], member(y as Members, key)];
      if (right === undefined) return false;
      pairs.push([left, right]);
      if (follow === undefined) continue;
      const further = follow(key, left);
      if (further === null) return false;
      pairs.push(...further);
    }
  }
  return true;
}

function keysOf(value: Members): string[] {
  return Object.keys(value).filter((key) => value[key] !== undefined);
}

/** Calls back with every text in a value, names of members too, and the JSON Pointer to it; pointers longer than 200 end early. */
export function eachText(value: unknown, visit: (text: string, path: string) => void): void {
  const stack: { readonly value: unknown; readonly path: string }[] = [{ value, path: '' }];
  for (let top = stack.pop(); top !== undefined; top = stack.pop()) {
    const { value: here, path } = top;
    if (typeof here === 'string') visit(here, path);
    if (here === null || typeof here !== 'object') continue;
    for (const [key, item] of Object.entries(here)) {
      const at = path.length > 200 ? path : `${path}/${pointerToken(key)}`;
      if (!Array.isArray(here)) visit(key, at);
      stack.push({ value: item, path: at });
    }
  }
}

/** Whether containers stand in one another more than `bound` times. */
export function isDeeperThan(bound: number, value: unknown): boolean {
  const stack: { readonly value: unknown; readonly depth: number }[] = [{ value, depth: 0 }];
  for (let top = stack.pop(); top !== undefined; top = stack.pop()) {
    const { value: here, depth } = top;
    if (here === null || typeof here !== 'object') continue;
    if (depth === bound) return true;
    for (const item of Object.values(here)) stack.push({ value: item, depth: depth + 1 });
  }
  return false;
}

/** A name as it stands in a JSON Pointer (RFC 6901), cut at 60 characters. */
export function pointerToken(name: string): string {
  return name.slice(0, 60).replaceAll('~', '~0').replaceAll('/', '~1');
}
