/**
 * The host's end of the link. It listens, lets the controller with the highest epoch in and all others go, and tells that
 * one everything it sees. What a slow reader has not taken is not queued: of each Service only the newest is kept to be told.
 */
import { chmodSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { FairleadError, messageOf } from '../base/error.ts';
import type { Clock } from '../ports/clock.ts';
import type { HostControl } from '../ports/host-control.ts';
import type { UsageDay } from '../ports/store.ts';
import { MessageStream } from './message-stream.ts';
import { protocolVersion, type ToController, type ToHost } from './messages.ts';

export interface HostEndOptions {
  readonly socketPath: string;
  readonly host: HostControl;
  readonly clock: Clock;
  /** Where usage that no controller has taken waits for the next life of the Host. */
  readonly usageFile: string;
  /** A defect that concerns one Service. It is told here and nothing else suffers. */
  readonly onProblem: (message: string, error: unknown) => void;
}

const usageMs = 10_000;
/** Whoever connects has this long to say hello. */
const helloMs = 5_000;

export class HostEnd {
  readonly #options: HostEndOptions;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #epoch = 0;
  #controller: Conversation | null = null;
  #batch = 0;
  /** Usage that was taken from the gateway and of which no controller has said that it has it. */
  #untaken: { batch: number; usage: readonly UsageDay[] } | null = null;
  /** Whether the controller that listens now has been told of it and has not yet answered. */
  #asked = false;
  #stopUsage: () => void;
  #closing: Promise<void> | null = null;

  /** Throws StartFailed when the socket cannot be had. A socket file that a killed Host left is replaced. */
  static async listen(options: HostEndOptions): Promise<HostEnd> {
    const server = createServer();
    const end = new HostEnd(options, server);
    // The supervisor sees to it that one Host lives on a data directory: whatever lies there is of one that is gone.
    rmSync(options.socketPath, { force: true });
    const umask = process.umask(0o177);
    try {
      await new Promise<void>((resolve, reject) => {
        server.once('error', reject);
        server.listen(options.socketPath, resolve);
      });
    } catch (thrown) {
      throw new FairleadError('StartFailed', `The host's socket ${options.socketPath} cannot be had: ${messageOf(thrown)}`, {
        cause: thrown,
      });
    } finally {
      process.umask(umask);
    }
    chmodSync(options.socketPath, 0o600);
    return end;
  }

  private constructor(options: HostEndOptions, server: Server) {
    this.#options = options;
    this.#server = server;
    const usage = takeFile(options.usageFile);
    if (usage.length > 0) this.#untaken = { batch: ++this.#batch, usage };
    server.on('connection', (socket) => this.#welcome(socket));
    options.host.onChange((service) => this.#controller?.tell(service));
    this.#stopUsage = options.clock.after(usageMs, () => this.#tellUsage());
  }

  /** Keeps what was counted and not taken, lets the controller go and removes the socket. Called again it is the same close. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#stopUsage();
    const usage = [...(this.#untaken?.usage ?? []), ...this.#options.host.takeUsage()];
    if (usage.length > 0) writeFileSync(this.#options.usageFile, JSON.stringify(usage), { mode: 0o600 });
    for (const socket of this.#sockets) socket.destroy();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
    rmSync(this.#options.socketPath, { force: true });
  }

  #welcome(socket: Socket): void {
    this.#sockets.add(socket);
    let conversation: Conversation | null = null;
    const callOff = this.#options.clock.after(helloMs, () => stream.cut('no hello'));
    const stream = new MessageStream<ToHost, ToController>(
      socket,
      (message) => {
        if (conversation !== null) return this.#hear(conversation, message);
        callOff();
        conversation = this.#greet(stream, message);
      },
      () => {
        callOff();
        this.#sockets.delete(socket);
        if (this.#controller === conversation) this.#controller = null;
      },
    );
  }

  /** The highest epoch seen may speak; one that says the same again is the same controller, connected anew. */
  #greet(stream: Stream, message: ToHost): Conversation | null {
    const refuse = (code: 'StaleEpoch' | 'Refused', reason: string): null => {
      stream.part({ kind: 'refused', code, message: reason }, reason);
      return null;
    };
    if (message.kind !== 'hello' || message.protocol !== protocolVersion || !Number.isSafeInteger(message.epoch))
      return refuse('Refused', `this host speaks version ${protocolVersion} of the link`);
    if (message.epoch < this.#epoch) return refuse('StaleEpoch', `epoch ${message.epoch} is over; this host has seen ${this.#epoch}`);
    const replaced = this.#controller;
    this.#controller = null;
    if (replaced !== null && message.epoch > this.#epoch)
      replaced.stream.part({ kind: 'refused', code: 'StaleEpoch', message: `epoch ${message.epoch} has taken over` }, 'replaced');
    else replaced?.stream.cut('replaced');
    this.#epoch = message.epoch;
    this.#controller = new Conversation(stream, this.#options);
    this.#controller.begin();
    this.#asked = this.#untaken !== null;
    if (this.#untaken !== null) stream.send({ kind: 'usage', ...this.#untaken });
    return this.#controller;
  }

  #hear(conversation: Conversation, message: ToHost): void {
    // Bytes of one that has been replaced may still be under way.
    if (conversation !== this.#controller) return;
    const { host } = this.#options;
    switch (message.kind) {
      case 'plan':
        return this.#guarded(message.plan.service, () => host.take(message.plan));
      case 'forget':
        return this.#guarded(message.service, () => host.forget(message.service));
      case 'usage-taken':
        if (this.#untaken?.batch !== message.batch) return;
        this.#asked = false;
        if (message.stored) this.#untaken = null;
        return;
      case 'hello':
        conversation.stream.cut('hello was said already');
    }
  }

  #guarded(service: string, work: () => void): void {
    try {
      work();
    } catch (thrown) {
      this.#options.onProblem(`What was said of ${service} could not be done`, thrown);
    }
  }

  #tellUsage(): void {
    this.#stopUsage = this.#options.clock.after(usageMs, () => this.#tellUsage());
    if (this.#controller === null || this.#asked) return;
    if (this.#untaken === null) {
      const usage = this.#options.host.takeUsage();
      if (usage.length === 0) return;
      this.#untaken = { batch: ++this.#batch, usage };
    }
    this.#asked = true;
    this.#controller.stream.send({ kind: 'usage', ...this.#untaken });
  }
}

/** What a file of usage says, once: it is removed. A file that is torn says nothing. */
function takeFile(path: string): UsageDay[] {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as UsageDay[];
  } catch {
    return [];
  } finally {
    rmSync(path, { force: true });
  }
}

type Stream = MessageStream<ToHost, ToController>;

/** What one controller has been told. */
class Conversation {
  readonly stream: Stream;
  readonly #host: HostControl;
  readonly #onProblem: HostEndOptions['onProblem'];
  readonly #dirty = new Set<string>();
  readonly #contracts = new Set<string>();
  #scheduled = false;
  #full = false;
  #synced = false;

  constructor(stream: Stream, { host, onProblem }: HostEndOptions) {
    this.stream = stream;
    this.#host = host;
    this.#onProblem = onProblem;
    stream.onDrain(() => {
      this.#full = false;
      this.#flush();
    });
  }

  begin(): void {
    this.stream.send({ kind: 'welcome', hostId: this.#host.hostId });
    for (const service of this.#host.services()) this.#dirty.add(service);
    this.#flush();
  }

  /** Everything that changes in one turn of the event loop is told as one. */
  tell(service: string): void {
    this.#dirty.add(service);
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      this.#flush();
    });
  }

  #flush(): void {
    for (const service of this.#dirty) {
      if (this.#full) return;
      this.#dirty.delete(service);
      try {
        this.#full = !this.#say(service);
      } catch (thrown) {
        this.#onProblem(`What is seen of ${service} could not be told`, thrown);
      }
    }
    if (this.#synced || this.#full) return;
    this.#synced = true;
    this.stream.send({ kind: 'synced' });
  }

  /** The Contracts that it names first. False: enough waits to be read. */
  #say(service: string): boolean {
    const observation = this.#host.observe(service);
    if (observation === null) return true;
    for (const contract of this.#host.contracts(service)) {
      if (this.#contracts.has(contract.hash)) continue;
      this.#contracts.add(contract.hash);
      this.stream.send({ kind: 'contract', contract });
    }
    return this.stream.send({ kind: 'observation', observation });
  }
}
