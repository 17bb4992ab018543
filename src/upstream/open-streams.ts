/**
 * The requests of one session whose connections are open, each by how to stop it. One that has been answered may go on for a
 * while, so that it ends by itself and its connection can be used again; then it is cut, for some services never end theirs.
 */
const lingerMs = 5_000;

type Stop = () => void;

export class OpenStreams {
  /** The time-out of those that linger. */
  readonly #open = new Map<Stop, NodeJS.Timeout | undefined>();

  add(stop: Stop): void {
    this.#open.set(stop, undefined);
  }

  /** It has ended: nothing of it is kept. */
  delete(stop: Stop): void {
    clearTimeout(this.#open.get(stop));
    this.#open.delete(stop);
  }

  /** It has its answer. */
  linger(stop: Stop): void {
    if (this.#open.has(stop)) this.#open.set(stop, setTimeout(stop, lingerMs).unref());
  }

  /** Stops them all; each `stop` may delete itself. */
  stop(): void {
    for (const stop of this.#open.keys()) {
      this.delete(stop);
      stop();
    }
  }
}
