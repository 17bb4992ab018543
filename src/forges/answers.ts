/** Taking answers of forges apart: what is not of the shape that their API documents is an error, never `undefined`. */
import { FairleadError } from '../base/error.ts';
import type { Exchange, Question } from './exchange.ts';

/** More pages than anybody's pull request has comments. */
const mostPages = 50;
export const pageSize = 100;

export type Fields = Readonly<Record<string, unknown>>;

export function fields(value: unknown, what: string): Fields {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Fields;
  throw odd(what);
}

export function text(of: Fields, name: string): string {
  const value = of[name];
  if (typeof value === 'string') return value;
  throw odd(name);
}

export function number(of: Fields, name: string): number {
  const value = of[name];
  if (typeof value === 'number' && Number.isSafeInteger(value)) return value;
  throw odd(name);
}

/** The first entry, over all pages, for which this is so; undefined when there is none. Whatever an answer links to is not followed: only its page number counts. */
export async function findAmong(
  exchange: Exchange,
  question: Question,
  sizeName: string,
  fits: (entry: Fields) => boolean,
): Promise<Fields | undefined> {
  for (let page = 1; page <= mostPages; page += 1) {
    const query = { ...question.query, [sizeName]: String(pageSize), page: String(page) };
    const { value, more } = await exchange.ask({ ...question, query });
    if (!Array.isArray(value)) throw odd('a list');
    const found = value.map((entry) => fields(entry, 'an entry')).find(fits);
    if (found !== undefined || !more) return found;
  }
  return undefined;
}

/**
 * One line, cut to a number of characters as people count them: at the end of a word, with `…` in the place of the rest. A word that
 * alone takes more than half of it is cut within.
 */
export function cutLine(words: string, most: number): string {
  const line = words.replaceAll(/[\s\p{Cc}]+/gu, ' ').trim();
  const characters = Array.from(line);
  if (characters.length <= most) return line;
  // One more than fits: a space there is the end of a word.
  const lastSpace = characters.slice(0, most).lastIndexOf(' ');
  const kept = characters.slice(0, lastSpace > most / 2 ? lastSpace : most - 1).join('');
  return `${kept.trimEnd()}…`;
}

function odd(what: string): FairleadError {
  return new FairleadError('ForgeUnreachable', `The forge's answer is not of the form that its API has: ${what} is missing or another.`);
}
