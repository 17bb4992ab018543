/**
 * A proposed change, as text, laid into the source's files: a document is replaced where it stands, the rest of its file
 * untouched; what is new gets a file of its own; a file whose last document goes, goes. Pure: files in, files out.
 */
import { FairleadError } from '../base/error.ts';
import { readDocument } from './document.ts';
import { namesIn } from './manifest-file.ts';
import { isMap, valueAt } from './place.ts';
import { decodeText, splitDocuments, type DocumentText } from './text.ts';

export interface Edit {
  /** File name (for messages, and for what cannot be read) → text with one or many documents. */
  readonly files: Readonly<Record<string, string>>;
  /** Names of Services to delete. */
  readonly deletions: readonly string[];
  /** Also delete every Service that `files` does not name. */
  readonly prune: boolean;
  /** Where what is new gets its file, relative to the root; the root itself when left out. */
  readonly folder?: string;
}

export interface Edited {
  /** Path → new text, or null to delete; only files that come out other than they were. */
  readonly files: Readonly<Record<string, string | null>>;
  /** Services deleted because of `prune` alone, sorted. */
  readonly prunes: readonly string[];
}

interface Identity {
  readonly kind: string;
  readonly name: string;
}

/** The files as they come out, the paths that are taken, and where new ones go. */
interface Places {
  readonly files: Map<string, string | null>;
  readonly taken: Set<string>;
  readonly inFolder: string;
}

/** Throws NotFound for a Service to delete that no file declares. */
export function applyProposal(current: readonly { readonly path: string; readonly bytes: Uint8Array }[], edit: Edit): Edited {
  const before = new Map<string, string>();
  for (const { path, bytes } of current) {
    const decoded = decodeText(bytes);
    if ('text' in decoded) before.set(path, decoded.text);
  }
  const after = new Map<string, string | null>(before);
  const taken = new Set(current.map(({ path }) => path));
  const named = new Set<string>();
  const inFolder = edit.folder === undefined ? '' : `${edit.folder}/`;
  for (const [file, text] of Object.entries(edit.files)) {
    const documents = splitDocuments(text).map((document) => ({ document, identity: identify(document.text) }));
    // What cannot be told apart goes in as it is: compiling it says what is wrong, and nothing of it is applied.
    if (documents.some(({ identity }) => identity === null)) after.set(`${inFolder}${file.replace(/^.*[\\/]/, '')}`, text);
    else for (const { document, identity } of documents) place({ files: after, taken, inFolder }, identity!, document.text);
    for (const { identity } of documents) if (identity?.kind === 'Service') named.add(identity.name);
  }
  for (const name of edit.deletions)
    if (!removeService(after, name)) throw new FairleadError('NotFound', `No manifest of the source declares a Service ${name}.`);
  const prunes = edit.prune ? [...declaredServices(after)].filter((name) => !named.has(name)).sort() : [];
  for (const name of prunes) removeService(after, name);
  const files: Record<string, string | null> = {};
  for (const [path, text] of after) if (before.get(path) !== text && (text !== null || before.has(path))) files[path] = text;
  return { files, prunes };
}

/** Names of the Services that files, as text, declare. */
export function namedServices(files: Readonly<Record<string, string>>): ReadonlySet<string> {
  return declaredServices(new Map(Object.entries(files)));
}

/** Replaces the document of that kind and name, or makes a file for it. */
function place({ files, taken, inFolder }: Places, identity: Identity, text: string): void {
  for (const [path, present] of files) {
    if (present === null) continue;
    const document = find(present, identity)[0];
    if (document === undefined) continue;
    files.set(path, replaced(present, document, path.toLowerCase().endsWith('.json') ? asJson(text) : text));
    return;
  }
  let path = `${inFolder}${identity.name}.yaml`;
  for (let number = 2; taken.has(path); number += 1) path = `${inFolder}${identity.name}-${number}.yaml`;
  taken.add(path);
  files.set(path, `${trimmed(text)}\n`);
}

function removeService(files: Map<string, string | null>, name: string): boolean {
  let found = false;
  for (const [path, text] of files) {
    if (text === null) continue;
    // From the last to the first, so that places of the others stay right.
    let rest = text;
    for (const document of find(text, { kind: 'Service', name }).toReversed()) {
      rest = without(rest, document);
      found = true;
    }
    if (rest !== text) files.set(path, splitDocuments(rest).every((document) => isOnlyComments(document.text)) ? null : rest);
  }
  return found;
}

function declaredServices(files: ReadonlyMap<string, string | null>): Set<string> {
  const names = new Set<string>();
  for (const text of files.values())
    for (const document of splitDocuments(text ?? '')) {
      const identity = identify(document.text);
      if (identity?.kind === 'Service') names.add(identity.name);
    }
  return names;
}

/** Documents of that kind and name. Only those that mention the name are read. */
function find(text: string, wanted: Identity): DocumentText[] {
  if (!text.includes(wanted.name)) return [];
  return splitDocuments(text).filter((document) => {
    if (!document.text.includes(wanted.name)) return false;
    const identity = identify(document.text);
    return identity?.kind === wanted.kind && identity.name === wanted.name;
  });
}

/** Kind and name of a document; of one that is not YAML, what it looks like; null when it has none. */
function identify(text: string): Identity | null {
  const { value, broken } = readDocument('', text, 1);
  if (broken) {
    const [name] = namesIn(text);
    return name === undefined ? null : { kind: 'Service', name };
  }
  const kind = isMap(value) ? value['kind'] : undefined;
  const name = valueAt(value, ['metadata', 'name']);
  // The name becomes a file's: only a name that a manifest may have is taken as one.
  return typeof kind === 'string' && typeof name === 'string' && /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/.test(name) ? { kind, name } : null;
}

function replaced(file: string, document: DocumentText, text: string): string {
  const old = document.text;
  const comments = isComment(trimmed(text)) ? '' : leadingComments(old);
  const marked = document.start > 0;
  const body = `${marked ? '\n' : ''}${comments}${trimmed(text)}\n`;
  const asWritten = file.includes('\r\n') ? body.replaceAll(/\r?\n/g, '\r\n') : body;
  if (trimmed(old) === trimmed(asWritten)) return file;
  return file.slice(0, document.start) + asWritten + file.slice(document.start + old.length);
}

function without(file: string, document: DocumentText): string {
  const end = document.start + document.text.length;
  // Its own marker goes with it; the first document has none, and the one after it needs none any more.
  if (document.start > 0) return file.slice(0, document.start - 3) + file.slice(end);
  return file.slice(end).replace(/^---[ \t]*\r?\n/, '');
}

/** Comment lines before the first content, such as the one that names the schema to an editor. */
function leadingComments(text: string): string {
  const lines = trimmed(text).split(/\r?\n/);
  const content = lines.findIndex((line) => line.trim() !== '' && !line.startsWith('#'));
  return content <= 0 ? '' : `${lines.slice(0, content).join('\n')}\n`;
}

function isComment(line: string): boolean {
  return line.startsWith('#');
}

function isOnlyComments(text: string): boolean {
  return text.split(/\r?\n/).every((line) => line.trim() === '' || isComment(line.trim()));
}

function trimmed(text: string): string {
  return text.replace(/^(?:[ \t]*\r?\n)+/, '').trimEnd();
}

function asJson(text: string): string {
  return JSON.stringify(readDocument('', text, 1).value, null, 2);
}
