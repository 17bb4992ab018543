/** Numbers of things, in words. */

/** `1 error`, `2 errors`; for nouns whose plural is made with an s. */
export function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}
