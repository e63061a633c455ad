import type { PipelineStatus } from '../domain/state.ts';
import { formatCount, formatRate, type Terminal } from './terminal.ts';

export interface ProgressLine {
  readonly id: string;
  readonly status: PipelineStatus;
  readonly records: number;
  readonly failed: number;
  readonly retries: number;
  readonly perSecond: number;
  /** 0..1 where the size of the source is known. */
  readonly share: number | undefined;
  readonly note: string;
}

const REDRAW_MS = 100;
const PLAIN_MS = 2000;
const BAR = 20;

/**
 * One line a pipeline: redrawn in place on a terminal; elsewhere a new line when the state changes, and now and then.
 */
export class ProgressDisplay {
  readonly #write: (text: string) => void;
  readonly #terminal: Terminal;
  readonly #lines: () => readonly ProgressLine[];
  readonly #timer: NodeJS.Timeout;
  /** What was printed last of each pipeline, so that nothing is said twice. */
  readonly #last = new Map<string, { readonly status: PipelineStatus; readonly text: string }>();
  #drawn = 0;

  constructor(terminal: Terminal, write: (text: string) => void, lines: () => readonly ProgressLine[]) {
    this.#terminal = terminal;
    this.#write = write;
    this.#lines = lines;
    const interval = terminal.isInteractive ? REDRAW_MS : PLAIN_MS;
    this.#timer = setInterval(() => (terminal.isInteractive ? this.#redraw() : this.#plain(() => true)), interval);
    this.#timer.unref();
    if (terminal.isInteractive) this.#redraw();
  }

  /** A pipeline changed its state. */
  changed(): void {
    if (!this.#terminal.isInteractive) this.#plain(({ id, status }) => this.#last.get(id)?.status !== status);
  }

  end(): void {
    clearInterval(this.#timer);
    if (this.#terminal.isInteractive) this.#redraw();
    else this.#plain(({ id, status }) => this.#last.get(id)?.status !== status);
  }

  #plain(wanted: (line: ProgressLine) => boolean): void {
    for (const line of this.#lines()) {
      if (!wanted(line)) continue;
      const text = render(line, 0);
      if (this.#last.get(line.id)?.text === text) continue;
      this.#last.set(line.id, { status: line.status, text });
      this.#write(`${text}\n`);
    }
  }

  #redraw(): void {
    const lines = this.#lines();
    const width = Math.max(...lines.map(({ id }) => id.length));
    const up = this.#drawn > 0 ? `\u001b[${this.#drawn}A` : '';
    const text = lines.map((line) => `\u001b[2K${render(line, width).slice(0, this.#terminal.columns - 1)}\n`).join('');
    this.#write(up + text);
    this.#drawn = lines.length;
  }
}

function render(line: ProgressLine, width: number): string {
  const { id, status, records, failed, retries, perSecond, share, note } = line;
  const bar = share === undefined ? '' : `  ${'█'.repeat(Math.round(share * BAR)).padEnd(BAR, '░')} ${percent(share)}`;
  const faults = [failed > 0 ? `${formatCount(failed)} failed` : '', retries > 0 ? `${retries} retries` : ''].filter(
    Boolean,
  );
  const detail = [`${formatCount(records)} records`, ...faults, formatRate(perSecond), note]
    .filter(Boolean)
    .join(' · ');
  return `${id.padEnd(width)}  ${status.padEnd(10)}${bar}  ${detail}`;
}

function percent(share: number): string {
  return `${Math.floor(share * 100)} %`.padStart(5);
}
