/** Many wishes for the same work, done one after the other: those that come while it is under way are answered by one more round. */
export class Trigger {
  readonly #work: () => Promise<void>;
  readonly #failed: (error: unknown) => void;
  #working = false;
  #again = false;

  constructor(work: () => Promise<void>, failed: (error: unknown) => void) {
    this.#work = work;
    this.#failed = failed;
  }

  pull(): void {
    this.#again = true;
    if (!this.#working) void this.#run();
  }

  async #run(): Promise<void> {
    this.#working = true;
    while (this.#again) {
      this.#again = false;
      try {
        await this.#work();
      } catch (thrown) {
        this.#failed(thrown);
      }
    }
    this.#working = false;
  }
}
