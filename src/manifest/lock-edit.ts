/**
 * What `fairlead lock` makes of the text of a `fairlead.lock`: entries are replaced where they stand and new ones go where their
 * name sorts; comments, order and everything else stay. Pure: text in, text out.
 */
import { isMap, isScalar, parseDocument, type Document, type YAMLMap } from 'yaml';
import { FairleadError } from '../base/error.ts';
import type { Lock } from '../model/lock.ts';
import { readLockFile } from './lock-file.ts';
import { apiVersion } from './schema.ts';

const newFile = `# yaml-language-server: $schema=https://fairlead.dev/schemas/v1alpha1/lock.schema.json
# What was approved of each service. \`fairlead lock\` writes it; a pull request shows what changes.
apiVersion: ${apiVersion}
kind: Lock
services: {}
`;

/** What is locked in a file, by name. Throws Refused for one that has an error in it: what it says is not known, nor what changes. */
export function lockedIn(path: string, bytes: Uint8Array): ReadonlyMap<string, Lock> {
  const { locks, issues } = readLockFile(path, bytes);
  const errors = issues.filter(({ severity }) => severity === 'error');
  if (errors.length === 0) return locks;
  const { line, column, message } = errors[0]!;
  throw new FairleadError('Refused', `${path}:${line}:${column}: ${message}`, { data: { issues: errors, next: `mend ${path} first` } });
}

/** The text with these Locks (null: without the entry). `text`: a file without errors; null where there is none yet. */
export function editLocks(text: string | null, changes: ReadonlyMap<string, Lock | null>): string {
  // Its own check of duplicate keys is quadratic, and the text has been read without errors.
  const options = { uniqueKeys: false, stringKeys: true, logLevel: 'silent' } as const;
  const given = text === null ? null : parseDocument(text, options);
  const document = given === null || given.contents === null ? parseDocument(newFile, options) : given;
  const services = servicesOf(document);
  const entries = new Map(services.items.map((pair) => [keyOf(pair.key), pair]));
  const gone = new Set<string>();
  for (const [name, lock] of [...changes].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const entry = entries.get(name);
    if (lock === null) gone.add(name);
    else if (entry === undefined) insert(document, services, name, lock);
    else if (isMap(entry.value)) entry.value.set('contract', lock.contract);
    // An alias: what it stands for is another's, too.
    else entry.value = document.createNode({ contract: lock.contract });
  }
  services.items = services.items.filter((pair) => !gone.has(keyOf(pair.key)));
  const written = document.toString({ lineWidth: 0 });
  return text?.includes('\r\n') === true ? written.replaceAll(/\r?\n/g, '\r\n') : written;
}

function servicesOf(document: Document): YAMLMap {
  const services = document.get('services');
  if (!isMap(services)) throw new FairleadError('Internal', 'A lock without `services` was taken for one without errors.');
  // `{}` is how an empty one is written, not how one with entries is.
  if (services.items.length === 0) services.flow = false;
  return services;
}

/** Before the first entry whose name comes after it. */
function insert(document: Document, services: YAMLMap, name: string, lock: Lock): void {
  const at = services.items.findIndex((pair) => keyOf(pair.key) > name);
  const pair = document.createPair(name, { contract: lock.contract });
  services.items.splice(at === -1 ? services.items.length : at, 0, pair);
}

function keyOf(key: unknown): string {
  return String(isScalar(key) ? key.value : key);
}
