/** The compiler's side in the worker thread: a Workspace, and what the other side has been told of it. */
import { messageOf } from '../base/error.ts';
import type { Service } from '../model/service.ts';
import { Workspace, type Compiled } from '../manifest/workspace.ts';
import type { Answer, CompilationDelta, Delta, Request, SentFile } from './protocol.ts';

export class CompilerServer {
  readonly #progress: Int32Array;
  readonly #numbers = new Map<string, number>();
  #workspace: Workspace | null = null;
  #told: Compiled | null = null;

  constructor(progress: SharedArrayBuffer) {
    this.#progress = new Int32Array(progress);
  }

  /** Answers one request. Never throws; what breaks is in the answer. */
  answer({ delta, task }: Request): Answer {
    try {
      const workspace = this.#synced(delta);
      const compiled = this.#compile(workspace, delta.snapshot);
      if (task.kind === 'compile') return { kind: 'compilation', compilation: this.#tell(compiled) };
      if (task.kind === 'explain') return { kind: 'explanation', fields: workspace.explain(task.service, task.field) };
      const fork = workspace.fork();
      this.#take(fork, task.files, task.removed, delta.root);
      return { kind: 'compilation', compilation: difference(compiled, this.#compile(fork, `${delta.snapshot}+`), false) };
    } catch (thrown) {
      return { kind: 'failed', message: messageOf(thrown) };
    } finally {
      this.#step(0);
    }
  }

  #synced(delta: Delta): Workspace {
    this.#workspace ??= new Workspace(delta.source, delta.root);
    this.#take(this.#workspace, delta.files, delta.removed, delta.root);
    return this.#workspace;
  }

  #take(workspace: Workspace, files: readonly SentFile[], removed: readonly string[], root: string): void {
    for (const { path, number } of files) this.#numbers.set(path, number);
    workspace.update(
      files.filter((file) => !file.condemned),
      removed,
      root,
      this.#onFile,
    );
    for (const file of files) if (file.condemned) workspace.condemn(file.path, file.hash, file.bytes);
  }

  #compile(workspace: Workspace, snapshot: string): Compiled {
    const compiled = workspace.compile(snapshot, this.#onFile);
    this.#step(0);
    return compiled;
  }

  #tell(compiled: Compiled): CompilationDelta {
    const delta = difference(this.#told, compiled, true);
    this.#told = compiled;
    return delta;
  }

  readonly #onFile = (path: string): void => this.#step(this.#numbers.get(path) ?? 0);

  #step(number: number): void {
    Atomics.store(this.#progress, 0, number);
    Atomics.add(this.#progress, 1, 1);
  }
}

/** What `after` has that `before` has not; with `brief`, null for what is the same. Services keep their identity while they are the same. */
function difference(before: Compiled | null, after: Compiled, brief: boolean): CompilationDelta {
  const changed: Service[] = [];
  let sameNames = before !== null && before.services.size === after.services.size;
  for (const [name, service] of after.services) {
    const known = before?.services.get(name);
    if (known !== service) changed.push(service);
    if (known === undefined) sameNames = false;
  }
  return {
    changed,
    valid: brief && sameNames ? null : [...after.services.keys()],
    invalid: brief && before !== null && before.invalid.size === 0 && after.invalid.size === 0 ? null : Object.fromEntries(after.invalid),
    issues: brief && before !== null && sameItems(before.issues, after.issues) ? null : after.issues,
    empty: after.empty,
    doubtfulFiles: after.doubtfulFiles,
  };
}

function sameItems(a: readonly unknown[], b: readonly unknown[]): boolean {
  return a.length === b.length && a.every((item, index) => item === b[index]);
}
