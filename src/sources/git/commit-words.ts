/** The texts of a commit of Fairlead's own, from what people say: fit for a commit object, and for those who read it. Pure. */
import { FairleadError } from '../../base/error.ts';
import type { Change, Person } from '../../ports/source.ts';

/** Control characters, and those that break lines or turn the direction of writing. */
const control = /[\p{Cc}\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu;

/** What would read like a trailer of Fairlead's own: who asked for what is for it alone to say. */
const ownTrailer = /^(?=\s*fairlead-[\w-]*\s*:)/i;

/** The message without its trailers: the subject and, below an empty line, the body. */
export function commitMessage({ subject, body }: Pick<Change, 'subject' | 'body'>): string {
  const lines = body
    .split(/\r\n|[\n\r\u2028\u2029]/)
    .map((line) => line.replaceAll('\t', '    ').replaceAll(control, '').trimEnd().replace(ownTrailer, '> '));
  const below = lines.join('\n').trim();
  return `${lineOf(subject)}\n${below === '' ? '' : `\n${below}\n`}`;
}

/** Arguments for `git interpret-trailers`. */
export function trailerArguments(trailers: Change['trailers']): string[] {
  return trailers.flatMap(([key, value]) => {
    if (!/^[A-Za-z0-9][A-Za-z0-9-]*$/.test(key)) throw new FairleadError('Refused', `${JSON.stringify(key)} is no key of a trailer.`);
    return ['--trailer', `${key}=${lineOf(value)}`];
  });
}

/** Name and address as commits hold them. Throws Refused where nothing is left of the name. */
export function personOf({ name, email }: Person): Person {
  const clean = { name: identity(name), email: identity(email).replaceAll(' ', '') };
  // git takes punctuation off both ends of a name, and wants something to be left.
  if (/[^\s.,:;"'\\]/.test(clean.name)) return clean;
  throw new FairleadError('Refused', `${JSON.stringify(name)} is no name that a commit can have.`, {
    data: { next: 'set user.name and user.email in the configuration of git' },
  });
}

function identity(text: string): string {
  return lineOf(text.replaceAll(/[<>]/g, ''));
}

function lineOf(text: string): string {
  return text.replaceAll(/\s+/g, ' ').replaceAll(control, '').trim();
}
