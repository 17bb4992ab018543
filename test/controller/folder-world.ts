/** A controller over real folders and the real compiler, and an operator who asks of it; the Host alone is made up. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createCompiler } from '../../src/compiler/compiler.ts';
import { Controller } from '../../src/controller/controller.ts';
import { Operator } from '../../src/controller/operator.ts';
import { decide } from '../../src/core/decide.ts';
import { heldDeletions } from '../../src/manifest/prune.ts';
import type { ServiceRecord } from '../../src/model/record.ts';
import type { Writing } from '../../src/ports/admin.ts';
import { systemClock } from '../../src/processes/clock.ts';
import { createFolderSource } from '../../src/sources/folder.ts';
import { createMemoryStore } from '../../src/stores/memory.ts';
import { FakeHost } from './world.ts';

type Files = Readonly<Record<string, string>>;

export class FolderWorld {
  host = new FakeHost();
  controller!: Controller;
  operator!: Operator;
  /** How often the operator stopped everything. */
  stops = 0;
  readonly #store = createMemoryStore();
  readonly #parts: { readonly name: string; readonly location: string; readonly compiler: ReturnType<typeof createCompiler> }[];

  /** A Source of each name, over a new folder of its own. */
  constructor(...sources: readonly [string, ...string[]]) {
    this.#parts = sources.map((name) => ({
      name,
      location: mkdtempSync(join(tmpdir(), `fairlead-${name}-`)),
      compiler: createCompiler(),
    }));
  }

  /** Of the Sources, in the order in which they were named. */
  get folders(): readonly string[] {
    return this.#parts.map(({ location }) => location);
  }

  /** `files`: path → text, in the first folder, the second … The Host has not answered yet. */
  async start(...files: readonly Files[]): Promise<void> {
    for (const [index, folder] of this.folders.entries())
      for (const [path, text] of Object.entries(files[index] ?? {})) writeFileSync(join(folder, path), text);
    this.controller = await Controller.start({
      store: this.#store,
      sources: this.#parts.map(({ name, location, compiler }) => ({
        source: createFolderSource({ name, root: location, clock: systemClock }),
        kind: 'folder',
        location,
        compiler,
      })),
      link: this.host,
      clock: systemClock,
      decide,
      guardPrune: (facts) => heldDeletions(facts),
      about: () => ({ pids: {} }) as never,
      onProblem: (message, error) => {
        throw new Error(message, { cause: error });
      },
      onFenced: () => {},
    });
    this.operator = new Operator(this.controller, () => (this.stops += 1));
  }

  /** Another controller over the same folders and Records, and another Host, which has not answered yet. */
  async restart(): Promise<void> {
    await this.controller.close();
    this.host = new FakeHost();
    await this.start();
  }

  async until(service: string, wanted: (record: ServiceRecord) => boolean): Promise<ServiceRecord> {
    for (;;) {
      const record = this.controller.loop.records.get(service);
      if (record !== undefined && wanted(record)) return record;
      await this.#change();
    }
  }

  async untilGone(service: string): Promise<void> {
    while (this.controller.loop.records.has(service)) await this.#change();
  }

  async #change(): Promise<void> {
    await new Promise<void>((resolve) => {
      const stop = this.controller.readModel.onChange(() => {
        stop();
        resolve();
      });
    });
  }

  async close(): Promise<void> {
    await this.controller.close();
    for (const { compiler, location } of this.#parts) {
      await compiler.close();
      rmSync(location, { recursive: true, force: true });
    }
  }
}

export const manifest = (name: string, version = '1', more = '') => `# written by a person
apiVersion: fairlead.dev/v1alpha1
kind: Service
metadata:
  name: ${name}
spec:
  run:
    command: [node, server-${version}.js]
${more}`;

/** Written to what is followed, in Fairlead's own words. */
export const directly: Writing = { message: null, author: null, propose: false };
