/**
 * What looks like a secret, and texts with it blotted out. By names and shapes alone: this is the last guard, for words of the
 * world that are shown to people; what is known to be a secret must not come this far.
 */

/** Names under which secrets go. */
export const secretName =
  /(token|secret|passw(or)?d|passphrase|api[-_]?key|private[-_]?key|access[-_]?key|credential|authorization|cookie)/i;
/** Values that are secrets whatever they are called. */
export const secretValue =
  /\b(sk-[\w-]{16,}|gh[pousr]_\w{20,}|github_pat_\w{20,}|xox[abprs]-[\w-]{10,}|AKIA[0-9A-Z]{16}|AIza[\w-]{30,}|glpat-[\w-]{16,}|eyJ[\w-]{10,}\.eyJ[\w-]{10,})|-----BEGIN [A-Z ]*PRIVATE KEY-----/;

export const blot = '****';

const shapes: readonly (readonly [RegExp, string])[] = [
  [/-----BEGIN [A-Z ]*PRIVATE KEY-----[^]*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)/g, blot],
  [new RegExp(secretValue, 'g'), blot],
  [/\b(Bearer|Basic)\s+[\w.~+/=-]+/gi, `$1 ${blot}`],
  [/(:\/\/[^\s:/@]{0,200}:)[^\s/@]{1,200}@/g, `$1${blot}@`],
  [
    new RegExp(`(${secretName.source}[\\w-]{0,40}\\\\?["']?\\s{0,5}[:=]\\s{0,5})(\\\\?"(?:[^"\\\\]|\\\\.)*"?|[^\\s"',;&}\\]]+)`, 'gi'),
    `$1${blot}`,
  ],
];

/** The text with what looks like a secret as `****`. Meant for short texts: a few thousand characters. */
export function redact(text: string): string {
  return shapes.reduce((redacted, [shape, instead]) => redacted.replace(shape, instead), text);
}
