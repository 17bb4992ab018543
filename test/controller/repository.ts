/**
 * A git repository made up in memory, and Sources that follow a branch of it and write to it as the port says: commits with
 * words, branches, and others who push in between. What a manifest declares is a name and a version, no more.
 */
import type { Service } from '../../src/model/service.ts';
import type { CommitFacts, Snapshot } from '../../src/model/snapshot.ts';
import { FairleadError } from '../../src/base/error.ts';
import type { Compilation } from '../../src/ports/compiler.ts';
import type { Change, SourceListener, Written } from '../../src/ports/source.ts';
import { revision, service as serviceOf } from '../core/situation.ts';
import { FakeSource } from './world.ts';

type Files = Readonly<Record<string, string>>;

interface Commit extends Pick<Change, 'subject' | 'body' | 'trailers' | 'author'> {
  readonly id: string;
  readonly parent: string | null;
  readonly files: Files;
}

/** The server. */
export class Repository {
  readonly commits = new Map<string, Commit>();
  readonly branches = new Map<string, string>();

  /** Somebody pushes to a branch; null deletes a file. */
  push(files: Readonly<Record<string, string | null>>, subject = 'Change', branch = 'main'): string {
    const onto = this.branches.get(branch) ?? null;
    const id = this.commit({ files, subject, body: '', trailers: [], author: null }, onto);
    this.branches.set(branch, id);
    return id;
  }

  commit({ files, subject, body, trailers, author }: Omit<Change, 'onto' | 'branch'>, parent: string | null): string {
    const before = parent === null ? {} : this.commits.get(parent)!.files;
    const after = Object.entries({ ...before, ...files }).filter((file): file is [string, string] => file[1] !== null);
    const id = String(this.commits.size + 1).padStart(40, 'c');
    this.commits.set(id, { id, parent, files: Object.fromEntries(after), subject, body, trailers, author });
    return id;
  }

  tip(branch = 'main'): Commit {
    return this.commits.get(this.branches.get(branch)!)!;
  }

  /** Subjects, newest first. */
  log(branch = 'main'): string[] {
    const subjects: string[] = [];
    for (let at: Commit | null = this.tip(branch); at !== null; at = at.parent === null ? null : this.commits.get(at.parent)!)
      subjects.push(at.subject);
    return subjects;
  }
}

export const manifest = (name: string, version: string) =>
  `apiVersion: fairlead.dev/v1alpha1\nkind: Service\nmetadata: { name: ${name} }\nspec: { version: ${version} }\n`;

/** What that manifest declares, as `compile` has it. */
export function declared(name: string, version: string): Service {
  const made = revision(`${name}-${version}`);
  return serviceOf(`${name}-${version}`, { name, revision: { ...made, name: `${name}-${made.hash.slice(0, 8)}` } });
}

export class RepositorySource extends FakeSource {
  readonly repository: Repository;
  /** Runs before a change is pushed, once the Source has seen that nothing has moved. */
  beforePush: () => void = () => {};
  /** Thrown instead of pushing. */
  refuse: Error | null = null;
  pushes = 0;
  #hears: SourceListener | null = null;
  #newest: Snapshot | null = null;
  #services = new Map<string, Service>();

  constructor(name: string, repository: Repository) {
    super(name);
    this.repository = repository;
    this.isGit = true;
  }

  override async start(listener: SourceListener, lastApplied: string | null = null): Promise<void> {
    this.lastApplied = lastApplied;
    this.#hears = listener;
    await this.refresh();
  }

  override unreadable(message: string): void {
    this.#hears!.unreadable(message);
  }

  override async refresh(): Promise<void> {
    const { id, parent, subject, files } = this.repository.tip();
    if (this.suspended || this.#newest?.id === id) return;
    const commit: CommitFacts = { id, parent, author: 'Ada', email: 'ada@example.org', subject, committedAt: 1 };
    const bytes = Object.entries(files).map(([path, text]) => ({ path, hash: text, bytes: Buffer.from(text) }));
    this.#newest = { source: this.name, id, root: '/', takenAt: 1, files: bytes, commit };
    this.#hears!.snapshot(this.#newest);
  }

  override async write(change: Change): Promise<Written> {
    const { repository } = this;
    if (this.#newest!.id !== change.onto) throw new FairleadError('SourceMoved', 'The source is at another commit by now.');
    this.beforePush();
    if (this.refuse !== null) throw this.refuse;
    this.pushes += 1;
    const branch = change.branch ?? 'main';
    const there = repository.branches.get(branch) ?? null;
    const id = repository.commit(change, change.onto);
    if (change.branch !== null && there !== null) {
      const same = repository.commits.get(there)!;
      if (same.parent === change.onto && JSON.stringify(same.files) === JSON.stringify(repository.commits.get(id)!.files))
        return { snapshot: there, branch };
      throw new FairleadError('Refused', `There is a branch ${branch} already, with another commit.`, { data: { branch, taken: true } });
    }
    if (change.branch === null && there !== change.onto) throw new FairleadError('SourceMoved', 'The branch has moved.');
    repository.branches.set(branch, id);
    if (change.branch === null) await this.refresh();
    return { snapshot: id, branch };
  }

  override async compile(snapshot: Snapshot): Promise<Compilation> {
    this.compilations += 1;
    if (this.failCompilations > 0) {
      this.failCompilations -= 1;
      throw new Error('the compiler broke');
    }
    const after = this.#read(new Map(snapshot.files.map(({ path, bytes }) => [path, Buffer.from(bytes).toString()])), snapshot.id);
    const compilation = this.#compilation(snapshot.id, after);
    this.#services = after;
    return compilation;
  }

  override async preview(files: Readonly<Record<string, string | null>>): Promise<Compilation> {
    const before = this.#newest!.files.map(({ path, bytes }) => [path, Buffer.from(bytes).toString()] as const);
    const texts = new Map<string, string | null>([...before, ...Object.entries(files)]);
    return this.#compilation('', this.#read(texts, ''));
  }

  override restart(): RepositorySource {
    return new RepositorySource(this.name, this.repository);
  }

  /** A Service that is as before keeps the commit that it is from. */
  #read(texts: ReadonlyMap<string, string | null>, snapshot: string): Map<string, Service> {
    const services = new Map<string, Service>();
    for (const [file, text] of texts)
      for (const [, name, version] of (text ?? '').matchAll(/name: ([\w-]+) [\s\S]*?version: ([\w.-]+)/g)) {
        const service = { ...declared(name!, version!), origin: { source: this.name, snapshot, file, line: 1 } };
        const before = this.#services.get(name!);
        services.set(name!, before?.specHash === service.specHash && before.origin.file === file ? before : service);
      }
    return services;
  }

  #compilation(snapshot: string, after: ReadonlyMap<string, Service>): Compilation {
    const changed = [...after.values()].filter((service) => this.#services.get(service.name) !== service);
    const valid = [...after.keys()].sort();
    return { snapshot, changed, valid, invalid: {}, issues: [], empty: valid.length === 0, doubtfulFiles: [] };
  }
}
