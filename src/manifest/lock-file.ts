/**
 * One `fairlead.lock` to the Locks in it. Pure, and of no other file. What it does not say clearly is never taken for "not
 * locked": a Service that a broken entry, or a broken file, names or named before is answered for with an Issue instead.
 */
import type { LockManifest } from '../model/gen/lock.ts';
import type { Issue } from '../model/issue.ts';
import type { Lock } from '../model/lock.ts';
import { locateIn, readDocument } from './document.ts';
import type { Place } from './place.ts';
import { toIssue, validateDocument } from './schema.ts';
import { decodeText, splitDocuments } from './text.ts';

/** One entry takes some 100 characters and 5 nodes: room for more Services than one controller keeps. */
const mostNodes = 200_000;
const maxLength = 4 * 1024 * 1024;

export interface LockFile {
  readonly path: string;
  readonly locks: ReadonlyMap<string, Lock>;
  /** Names of which it cannot be said what was approved, with why: those of Services, and in a file that is no YAML other words too. */
  readonly broken: ReadonlyMap<string, readonly Issue[]>;
  /** Issues of everything in the file. */
  readonly issues: readonly Issue[];
  /** Where the names of the entries stand; the beginning for what is not there. Reads the text anew: ask for many at once. */
  readonly places: (names: readonly string[]) => readonly Place[];
}

/** Reads a file. `before`: what it was read as last. Never throws. */
export function readLockFile(path: string, bytes: Uint8Array, before?: LockFile): LockFile {
  const decoded = decodeText(bytes);
  if ('problem' in decoded) return brokenLockFile(path, bytes, [{ ...decoded.problem, severity: 'error', file: path, path: '' }], before);
  const documents = splitDocuments(decoded.text);
  const [document, second] = documents;
  const refused = (code: 'DocumentTooLarge' | 'ConflictingFields', message: string, line: number, expected: string): LockFile =>
    brokenLockFile(path, bytes, [{ code, severity: 'error', message, file: path, line, column: 1, path: '', expected }], before);
  if (second !== undefined) return refused('ConflictingFields', 'The file holds more than one document.', second.line, 'one document');
  const { text, line } = document ?? { text: '', line: 1 };
  if (text.length > maxLength) return refused('DocumentTooLarge', 'The file has more than 4 MiB.', line, 'at most 4 MiB');
  const read = readDocument(path, text, line, mostNodes);
  if (read.broken) return brokenLockFile(path, bytes, read.issues, before);
  if (read.value === null) {
    const note: Issue = {
      code: 'EmptyFile',
      severity: 'note',
      message: 'The file locks nothing.',
      file: path,
      line: 1,
      column: 1,
      path: '',
    };
    return { path, locks: new Map(), broken: new Map(), issues: [note], places: (names) => names.map(() => ({ line: 1, column: 1 })) };
  }
  const issues: Issue[] = [...read.issues];
  const broken = new Map<string, Issue[]>();
  for (const finding of validateDocument('Lock', read.value, false)) {
    const [field, name] = finding.path;
    const subject = field === 'services' && typeof name === 'string' ? name : undefined;
    const issue = toIssue(finding, path, read.locate, subject);
    issues.push(issue);
    if (finding.severity !== 'error') continue;
    if (subject === undefined) return brokenLockFile(path, bytes, issues, before);
    broken.set(subject, [...(broken.get(subject) ?? []), issue]);
  }
  const locks = new Map<string, Lock>();
  for (const [name, { contract }] of Object.entries((read.value as LockManifest).services))
    if (!broken.has(name)) locks.set(name, { contract });
  return { path, locks, broken, issues, places: (names) => placesIn(text, line, names) };
}

/** A file of which nothing can be taken: every name in it, and each that was locked before, is answered for with these Issues. */
export function brokenLockFile(path: string, bytes: Uint8Array, issues: readonly Issue[], before?: LockFile): LockFile {
  const text = new TextDecoder('utf-8').decode(bytes.subarray(0, maxLength));
  const words = [...text.matchAll(/(?:^|[\s{,])["']?([a-z0-9][-a-z0-9]{0,39})["']?[ \t]*:/g)].map(([, word]) => word!);
  const names = new Set([...words, ...(before?.locks.keys() ?? []), ...(before?.broken.keys() ?? [])]);
  const broken = new Map([...names].map((name) => [name, issues]));
  return { path, locks: new Map(), broken, issues, places: (asked) => asked.map(() => ({ line: 1, column: 1 })) };
}

function placesIn(text: string, line: number, names: readonly string[]): readonly Place[] {
  const locate = locateIn(text, line);
  return names.map((name) => locate(['services', name], 'key'));
}
