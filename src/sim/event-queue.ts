/**
 * Virtual time: what is to happen, in order of time and, at one instant, of asking. Nothing else moves the clock.
 * A binary heap; a step is one action taken from it.
 */
interface Entry {
  readonly at: number;
  readonly order: number;
  readonly action: () => void;
}

export class EventQueue {
  /** Virtual milliseconds since the run began. Monotonic: wall clocks that jump are the World's business. */
  now = 0;
  steps = 0;
  private readonly heap: Entry[] = [];
  private asked = 0;

  after(delayMs: number, action: () => void): void {
    const entry = { at: this.now + delayMs, order: this.asked++, action };
    const { heap } = this;
    let index = heap.length;
    heap.push(entry);
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (!isBefore(entry, heap[parent]!)) break;
      heap[index] = heap[parent]!;
      index = parent;
    }
    heap[index] = entry;
  }

  /** Takes the next action that is due at `until` or before; false, with the clock at `until`, when there is none. */
  step(until: number): boolean {
    const next = this.heap[0];
    if (next === undefined || next.at > until) {
      this.now = Math.max(this.now, until);
      return false;
    }
    this.removeFirst();
    this.now = next.at;
    this.steps++;
    next.action();
    return true;
  }

  private removeFirst(): void {
    const { heap } = this;
    const last = heap.pop()!;
    if (heap.length === 0) return;
    let index = 0;
    for (;;) {
      let child = index * 2 + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child++;
      if (!isBefore(heap[child]!, last)) break;
      heap[index] = heap[child]!;
      index = child;
    }
    heap[index] = last;
  }
}

function isBefore(a: Entry, b: Entry): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order);
}
