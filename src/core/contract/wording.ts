/** How a service's own words are shown to a person: short, on one line, with nothing in them that nobody can see. Pure. */
import { isMembers } from './json.ts';

const longest = 60;

/**
 * Control characters but tab and line ends, and what Unicode says to draw nothing for (Default_Ignorable_Code_Point: zero-width
 * and direction-changing characters, tags, fillers). Joiners and the two emoji styles are left out: ordinary writing has them.
 */
// oxlint-disable-next-line no-control-regex -- these are what is looked for
const hidden = /(?!\t|\n|\r|\u200c|\u200d|\ufe0e|\ufe0f)[\p{Cc}\p{DI}]/gu;

/** The hidden characters of a text, one entry for each time. */
export function hiddenCharacters(text: string): readonly string[] {
  return text.match(hidden) ?? [];
}

/** `U+202E` */
export function codePointName(character: string): string {
  return `U+${character.codePointAt(0)!.toString(16).toUpperCase().padStart(4, '0')}`;
}

/** At most 60 characters on one line, hidden ones as U+FFFD. */
export function shown(text: string): string {
  const plain = text
    .slice(0, longest + 1)
    .replace(/\s+/g, ' ')
    .replace(hidden, '\u{fffd}');
  return plain.length <= longest && text.length <= longest ? plain : `${plain.slice(0, longest - 1)}…`;
}

/** A value in a few characters: texts in quotes, `none` for undefined, containers only by what they are. */
export function shownValue(value: unknown): string {
  if (value === undefined) return 'none';
  if (typeof value === 'string') return `"${shown(value)}"`;
  if (Array.isArray(value)) return value.length === 0 ? '[]' : 'a list';
  return isMembers(value) ? 'an object' : shown(JSON.stringify(value));
}

/** `"old" → "new"`; of long texts the stretch where they begin to differ. */
export function shownChange(from: unknown, to: unknown): string {
  if (typeof from !== 'string' || typeof to !== 'string') return `${shownValue(from)} → ${shownValue(to)}`;
  let same = 0;
  while (same < from.length && from[same] === to[same]) same++;
  const start = Math.max(from.length, to.length) <= longest ? 0 : Math.max(0, same - 20);
  const cut = (text: string): string => shownValue(`${start > 0 ? '…' : ''}${text.slice(start)}`);
  return `${cut(from)} → ${cut(to)}`;
}
