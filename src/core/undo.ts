/**
 * What was acquired, with its release: each step of a start pushes its undo, and a failed start and a normal stop
 * both run them backwards. Running twice is harmless.
 */

export class UndoStack {
  readonly #steps: { name: string; undo: () => void | Promise<void> }[] = [];

  push(name: string, undo: () => void | Promise<void>): void {
    this.#steps.push({ name, undo });
  }

  /** Runs every undo, last first; one that fails is reported through `onFault` and does not stop the others. */
  async run(onFault: (name: string, error: unknown) => void): Promise<void> {
    for (let step = this.#steps.pop(); step !== undefined; step = this.#steps.pop()) {
      try {
        await step.undo();
      } catch (error) {
        onFault(step.name, error);
      }
    }
  }
}
