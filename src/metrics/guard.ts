export type Warn = (message: string) => void;

/** Visible on stderr unless the host application handles Node's process warnings itself. */
export const processWarning: Warn = (message) => {
  process.emitWarning(message, { type: 'DataflowMetricsWarning' });
};

/** Says each thing once: a bad value in a hot path must not flood the log. */
export class WarnOnce {
  readonly #warn: Warn;
  readonly #said = new Set<string>();

  constructor(warn: Warn) {
    this.#warn = warn;
  }

  say(key: string, message: string): void {
    if (this.#said.has(key)) return;
    this.#said.add(key);
    try {
      this.#warn(message);
    } catch {
      // A warning that cannot be delivered must not stop what it warns about.
    }
  }

  /** True for a number that a counter or a histogram can take; one NaN would poison the series for ever. */
  accepts(value: unknown, method: string, argument: string): value is number {
    if (typeof value === 'number' && Number.isFinite(value) && value >= 0) return true;
    const got = typeof value === 'number' ? String(value) : typeof value;
    this.say(
      `${method}.${argument}`,
      `${method}: ${argument} must be a finite number of at least 0, got ${got}; the value was not recorded. Further ones are refused silently.`,
    );
    return false;
  }

  acceptsId(value: unknown, method: string): value is string {
    if (typeof value === 'string' && value !== '') return true;
    this.say(
      `${method}.pipelineId`,
      `${method}: pipelineId must be a non-empty string, got ${value === '' ? "''" : typeof value}; nothing was recorded. Further ones are refused silently.`,
    );
    return false;
  }
}
