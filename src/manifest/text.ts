/**
 * Bytes to text, and text to the texts of its documents. Whatever could mislead a reader of the file (another encoding,
 * NUL, characters that turn the direction of writing) is refused here, before anything parses it.
 */
import { placeAt, type Place } from './place.ts';

/** Largest document, in UTF-16 units of text. */
export const maxDocumentLength = 256 * 1024;

export interface TextProblem extends Place {
  readonly code: 'InvalidEncoding' | 'ForbiddenCharacter' | 'DocumentTooLarge';
  readonly message: string;
  readonly expected: string;
}

/** Text of a file, or why it is not one. A UTF-8 byte order mark is dropped. */
export function decodeText(bytes: Uint8Array): { readonly text: string } | { readonly problem: TextProblem } {
  const at = (line: number, column: number, code: TextProblem['code'], message: string, expected: string) => ({
    problem: { line, column, code, message, expected },
  });
  const [first, second] = bytes;
  if ((first === 0xff && second === 0xfe) || (first === 0xfe && second === 0xff) || (bytes.length > 3 && (first === 0 || second === 0)))
    return at(1, 1, 'InvalidEncoding', 'The file is UTF-16 (or UTF-32).', 'UTF-8: save the file in that encoding');
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    const good = new TextDecoder('utf-8').decode(bytes).indexOf('\ufffd');
    const place = placeAt(new TextDecoder('utf-8').decode(bytes), good);
    return at(
      place.line,
      place.column,
      'InvalidEncoding',
      'The file has bytes that are not UTF-8.',
      'UTF-8: save the file in that encoding',
    );
  }
  const forbidden = forbiddenCharacter.exec(text);
  if (forbidden === null) return { text };
  const place = placeAt(text, forbidden.index);
  const codePoint = `U+${forbidden[0].codePointAt(0)!.toString(16).toUpperCase().padStart(4, '0')}`;
  return at(
    place.line,
    place.column,
    'ForbiddenCharacter',
    `The file has the character ${codePoint}, which a reader cannot see for what it is.`,
    'no control, direction-changing or invisible characters',
  );
}

/** Control characters but tab and line ends; bidi embeddings, overrides, isolates and marks; zero-width and byte order marks inside. */
const forbiddenCharacter =
  // oxlint-disable-next-line no-control-regex -- these are what is looked for
  /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u0084\u0086-\u009f\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff]/;

export interface DocumentText {
  readonly text: string;
  /** Offset of `text` in the file. */
  readonly start: number;
  /** Line of its first character, 1-based. */
  readonly line: number;
}

/**
 * The texts between document markers. `---` or `...` at the start of a line is a marker whatever surrounds it (YAML 1.2,
 * 9.1.2), so that splitting first is exact, and one broken document cannot reach into the next.
 */
export function splitDocuments(text: string): readonly DocumentText[] {
  const documents: DocumentText[] = [];
  let start = 0;
  let line = 1;
  const push = (end: number) => {
    const part = text.slice(start, end);
    if (part.trim() !== '') documents.push({ text: part, start, line });
  };
  let scanned = 0;
  for (const marker of text.matchAll(/^(?:---|\.\.\.)(?=[ \t\r\n]|$)/gm)) {
    push(marker.index);
    for (let next = text.indexOf('\n', scanned); next !== -1 && next < marker.index; next = text.indexOf('\n', next + 1)) line += 1;
    scanned = marker.index;
    start = marker.index + 3;
  }
  push(text.length);
  return documents;
}
