/**
 * One file to the Manifests in it. A Manifest is one document as read, with enough to find places in it again; nothing
 * of another file is looked at here, so that a file which did not change never has to be read twice.
 */
import type { IssueCode } from '../model/issue-codes.ts';
import type { ControllerSpec } from '../model/gen/controller.ts';
import type { Issue } from '../model/issue.ts';
import { judgeController } from './controller-settings.ts';
import { locateIn, readDocument, type Locate, type ReadDocument } from './document.ts';
import { mergeTrees } from './merge.ts';
import { isMap, valueAt } from './place.ts';
import { apiVersion, kinds, kindsNotYet, notYet, show, toIssue, validateDocument, type Finding, type Kind } from './schema.ts';
import { nearest } from './suggest.ts';
import { decodeText, maxDocumentLength, splitDocuments, type DocumentText } from './text.ts';

export interface Manifest {
  readonly kind: Kind;
  readonly name: string;
  readonly file: string;
  /** Line of its first key. */
  readonly line: number;
  /** The plain tree, nulls (deletions) and placeholders still in it. */
  readonly value: Readonly<Record<string, unknown>>;
  /** Errors of the document alone; with any of them it is not used. */
  readonly issues: readonly Issue[];
  readonly valid: boolean;
  readonly document: DocumentText;
}

export interface ManifestFile {
  readonly path: string;
  readonly manifests: readonly Manifest[];
  /** Issues of everything in the file. */
  readonly issues: readonly Issue[];
  /** Services that a document which could not be read seems to declare: invalid rather than gone. */
  readonly brokenServices: readonly string[];
  /** True when some document could not be read at all, so that there may be Services in it that nobody can name. */
  readonly broken: boolean;
  /** True with an error in it, or with no manifest (comments apart): perhaps it was cut off while it was written, and what is missing is not gone. */
  readonly doubtful: boolean;
}

/** The spec of a Manifest as written; empty when it has none. */
export function specOf(manifest: Manifest): Readonly<Record<string, unknown>> {
  const spec = manifest.value['spec'];
  return isMap(spec) ? spec : {};
}

/** Finds places in a Manifest by reading its text again; keep the result while more than one is needed. */
export function locateInManifest(manifest: Manifest): Locate {
  return locateIn(manifest.document.text, manifest.document.line);
}

/** Reads a file. Never throws. */
export function readManifestFile(path: string, bytes: Uint8Array): ManifestFile {
  const decoded = decodeText(bytes);
  if ('problem' in decoded) return unreadable(path, bytes, decoded.problem);
  const { text } = decoded;
  const documents = splitDocuments(text);
  const reading: Reading = { manifests: [], issues: [], brokenServices: [], broken: false };
  for (const document of documents) readPart(path, document, reading);
  if (documents.length === 0 || reading.empty === documents.length)
    reading.issues.push(note('EmptyFile', 'The file holds no manifest.', path, 1));
  const { manifests, issues, brokenServices, broken } = reading;
  const commentsOnly = text.trim() !== '' && reading.empty === documents.length;
  const doubtful = (manifests.length === 0 && !commentsOnly) || issues.some(({ severity }) => severity === 'error');
  return { path, manifests, issues, brokenServices, broken, doubtful };
}

/** A file that took the compiler too long, and is not tried again until it changes. */
export function condemnedFile(path: string, bytes: Uint8Array): ManifestFile {
  const message = 'Reading the file took too long or too much memory; it is not tried again until it changes.';
  return unreadable(path, bytes, { code: 'CompileTimedOut', message, expected: 'a simpler file' });
}

/** A file that is there and cannot be read. */
export function unreadableFile(path: string, problem: string): ManifestFile {
  const message = `The file cannot be read: ${problem}`;
  return unreadable(path, new Uint8Array(), { code: 'UnreadableFile', message, expected: 'a file that Fairlead may read' });
}

/** The one Issue of a file of which nothing could be read, at its beginning unless a place is known; its services are guessed from what looks like names. */
function unreadable(
  path: string,
  bytes: Uint8Array,
  problem: Pick<Issue, 'code' | 'message' | 'expected'> & Partial<Pick<Issue, 'line' | 'column'>>,
): ManifestFile {
  const issue: Issue = { line: 1, column: 1, ...problem, severity: 'error', file: path, path: '' };
  const [first, second] = bytes;
  const encoding = first === 0xff && second === 0xfe ? 'utf-16le' : first === 0xfe && second === 0xff ? 'utf-16be' : 'utf-8';
  const rough = new TextDecoder(encoding).decode(bytes.subarray(0, maxDocumentLength));
  return { path, manifests: [], issues: [issue], brokenServices: namesIn(rough), broken: true, doubtful: true };
}

interface Reading {
  readonly manifests: Manifest[];
  readonly issues: Issue[];
  readonly brokenServices: string[];
  broken: boolean;
  empty?: number;
}

function readPart(file: string, document: DocumentText, reading: Reading): void {
  if (document.text.length > maxDocumentLength) {
    if (!document.text.includes('fairlead.dev/')) {
      reading.issues.push(note('NotAManifest', 'Not a Fairlead manifest, and too large to look into; left alone.', file, document.line));
      return;
    }
    reading.issues.push({
      code: 'DocumentTooLarge',
      severity: 'error',
      message: `The document has ${Math.ceil(document.text.length / 1024)} KiB.`,
      file,
      line: document.line,
      column: 1,
      path: '',
      expected: 'at most 256 KiB',
    });
    breakPart(document, reading);
    return;
  }
  const read = readDocument(file, document.text, document.line);
  if (read.broken) {
    const [name] = namesIn(document.text);
    reading.issues.push(...read.issues.map((issue) => (name === undefined ? issue : { ...issue, subject: name })));
    breakPart(document, reading);
    return;
  }
  if (read.value === null) {
    reading.empty = (reading.empty ?? 0) + 1;
    return;
  }
  classify(file, document, read, reading);
}

function breakPart(document: DocumentText, reading: Reading): void {
  const names = namesIn(document.text);
  reading.brokenServices.push(...names);
  if (names.length === 0 && !/^["']?kind["']?[ \t]*:[ \t]*["']?ServiceTemplate/m.test(document.text)) reading.broken = true;
}

/** Decides what a readable document is: a Manifest, something of another tool, or a mistake. */
function classify(file: string, document: DocumentText, read: ReadDocument, reading: Reading): void {
  const { value, locate } = read;
  const head = isMap(value) ? value : {};
  const name = valueAt(head, ['metadata', 'name']);
  const subject = typeof name === 'string' ? name : undefined;
  const add = (finding: Finding) => {
    const issue = toIssue(finding, file, locate, subject);
    reading.issues.push(...read.issues, issue);
    if (head['kind'] === 'Service' && subject !== undefined) reading.brokenServices.push(subject);
    else if (head['kind'] === 'Service') reading.broken = true;
  };
  if (!('apiVersion' in head) && !('kind' in head)) {
    if ('metadata' in head || 'spec' in head) add(missing('apiVersion', `\`apiVersion: ${apiVersion}\` and a \`kind\``));
    else reading.issues.push(note('NotAManifest', 'Not a Fairlead manifest (no apiVersion, no kind); left alone.', file, locate([]).line));
    return;
  }
  const version = head['apiVersion'];
  if (version === undefined) return add(missing('apiVersion', `\`apiVersion: ${apiVersion}\``));
  if (version !== apiVersion) {
    return add({
      code: 'UnknownApiVersion',
      severity: 'error',
      message: `The apiVersion ${show(version)} is not known.`,
      path: ['apiVersion'],
      expected: `one of ${apiVersion}`,
      suggestion: apiVersion,
    });
  }
  const kind = head['kind'];
  if (kind === undefined) return add(missing('kind', `one of ${kinds.join(', ')}`));
  if (typeof kind === 'string' && Object.hasOwn(kindsNotYet, kind))
    return add(notYet(`\`kind: ${kind}\``, kindsNotYet[kind]!, ['kind'], false));
  if (!kinds.includes(kind as Kind)) {
    const near = typeof kind === 'string' ? nearest(kind, kinds) : null;
    return add({
      code: 'UnknownKind',
      severity: 'error',
      message: `The kind ${show(kind)} is not known.`,
      path: ['kind'],
      expected: `one of ${kinds.join(', ')}`,
      ...(near === null ? {} : { suggestion: near }),
    });
  }
  // Null deletes what a template gave; for the schema it is as if the field were not there.
  const shaped = read.nulls ? mergeTrees(undefined, head) : head;
  // In settings nothing is ever put in for `${`.
  const findings = validateDocument(kind as Kind, shaped, kind !== 'Controller');
  if (kind === 'Controller' && findings.length === 0) findings.push(...judgeController(valueAt(shaped, ['spec']) as ControllerSpec));
  const known = kind === 'Controller' ? (subject ?? '') : subject;
  const issues = [...read.issues, ...findings.map((finding) => toIssue(finding, file, locate, subject))];
  reading.issues.push(...issues);
  if (known === undefined) {
    if (kind === 'Service') reading.broken = true;
    return;
  }
  reading.manifests.push({
    kind: kind as Kind,
    name: known,
    file,
    line: locate([]).line,
    value: head,
    issues,
    valid: !issues.some((issue) => issue.severity === 'error'),
    document,
  });
}

function missing(field: string, expected: string): Finding {
  return { code: 'MissingField', severity: 'error', message: `\`${field}\` is missing.`, path: [field], expected };
}

function note(code: IssueCode, message: string, file: string, line: number): Issue {
  return { code, severity: 'note', message, file, line, column: 1, path: '' };
}

/** Names of Services that a text which is not YAML seems to declare, by the looks of its lines. */
export function namesIn(text: string): string[] {
  const names: string[] = [];
  for (const { text: part } of splitDocuments(text)) {
    if (!/^(?:[ \t]*\{)?[ \t]*["']?kind["']?[ \t]*:[ \t]*["']?Service\b/m.test(part)) continue;
    const metadata = /["']?metadata["']?[ \t]*:/.exec(part);
    if (metadata === null) continue;
    const name = /["']?\bname["']?\s*:\s*["']?([a-z0-9](?:[-a-z0-9]*[a-z0-9])?)/.exec(
      part.slice(metadata.index, metadata.index + 4096),
    )?.[1];
    if (name !== undefined && name.length <= 40) names.push(name);
  }
  return names;
}
