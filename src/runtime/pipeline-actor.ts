/**
 * One pipeline: a queue, a state, a nact actor under it. Owns the order of things: decide, append, evolve, record,
 * reply, act. Does not own the rules (domain), the reading of the past (recovering) or the work (session).
 *
 * R1. A command is answered only after its events are durable, or after it is certain that they are not.
 * R2. After an append whose outcome is unknown the journal is read again; what it holds of the group counts as
 *     appended now: recorded and answered once, never decided a second time.
 * R3. The state changes only by events that are in the journal.
 * R4. A command that cannot be taken (full, stopped, stopping) is refused with an error and counted, never dropped.
 * R5. Replayed events are neither recorded nor acted on.
 */
import type { PipelineCommand } from '../domain/command.ts';
import { evolve } from '../domain/evolve.ts';
import { initialState, type PipelineState } from '../domain/state.ts';
import { codeOf, messageOf } from '../errors.ts';
import { appendFailed, mailboxFull, recoveryFailed, shutdownTimeout, stoppedError } from './actor-errors.ts';
import { ActorWatch, NOT_WAITING } from './actor-watch.ts';
import { AppendInDoubt } from './append-in-doubt.ts';
import type { ActorEnvironment, PipelineListener } from './environment.ts';
import type { JournalEvent } from './journal.ts';
import { toJournalEvent } from './journal-event.ts';
import { type BatchPayload, type Envelope, Mailbox, type Reply } from './mailbox.ts';
import type { ActorBehaviour, ActorContext, ActorHandle, CrashDecision } from './nact-adapter.ts';
import { type RecoveredChunk, readValidated } from './recovering.ts';
import { type Plan, planTurn, refusalError } from './running.ts';
import { Sessions } from './sessions.ts';
import { Snapshots } from './snapshots.ts';
import { Drain } from './stopping.ts';
import { isHopeless, Supervision } from './supervision.ts';

/** Commands persisted by one append. */
const GROUP_LIMIT = 256;
/** Appends that may fail before the sender of a command is told; a full disk tells at once. */
const APPEND_TRIES = 3;
/** How long connectors that ignore their signal may hold a stop whose time has ended already. */
const LATE_GRACE_MS = 1000;

export class PipelineActor implements ActorBehaviour<PipelineState> {
  readonly key: string;
  /** The state after the first recovery; rejects when there can be none. */
  readonly ready: Promise<PipelineState>;
  readonly #environment: ActorEnvironment;
  readonly #mailbox: Mailbox;
  readonly #handle: ActorHandle;
  readonly #sessions: Sessions;
  readonly #snapshots: Snapshots;
  readonly #supervision: Supervision;
  readonly #watch: ActorWatch | undefined;
  readonly #listeners = new Set<PipelineListener>();
  readonly #drain = new Drain();
  readonly #reading = new AbortController();
  #resolveReady: (state: PipelineState) => void = () => {};
  #rejectReady: (error: unknown) => void = () => {};
  #state: PipelineState = initialState();
  #sequence = 0;
  #deferred: readonly Envelope[] = [];
  #inDoubt: AppendInDoubt | undefined;
  #appending: Promise<void> | undefined;
  #inTurn = false;
  #kicked = false;
  #recovered = false;
  #recoveryStartedAt = 0;
  #recoveryFailures = 0;
  #replayed = 0;
  #ended: Error | undefined;
  #stopped = false;

  constructor(key: string, environment: ActorEnvironment) {
    this.key = key;
    this.#environment = environment;
    const { journal, clock, limits, observer } = environment;
    this.#mailbox = new Mailbox(limits.mailboxLimit);
    this.#snapshots = new Snapshots(key, journal, clock, limits.snapshots, environment.warn);
    this.#supervision = new Supervision(clock, environment.random);
    this.ready = new Promise((resolve, reject) => {
      this.#resolveReady = resolve;
      this.#rejectReady = reject;
    });
    this.ready.catch(() => {});
    this.#sessions = new Sessions({
      key,
      environment,
      lease: environment.leaseOf?.(key),
      state: () => this.#state,
      takesCommands: () => this.#ended === undefined,
      enqueue: (command, payload) => this.#enqueue(command, payload, true),
      batchOffered: (batch) => this.#tell((listener) => listener.batchOffered?.(batch)),
    });
    this.#handle = environment.system.spawn(this);
    this.#watch = observer && new ActorWatch(key, observer, clock, this.#mailbox);
  }

  /** The last durable state. */
  get state(): PipelineState {
    return this.#state;
  }

  /** Why the actor takes no more commands, once it does not. */
  get ended(): Error | undefined {
    return this.#ended;
  }

  /** The append that is in flight. A stop whose time has ended leaves it behind; it may still reach the journal. */
  get appending(): Promise<void> | undefined {
    return this.#appending;
  }

  listen(listener: PipelineListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Resolves with the state after the command, for an IngestBatch with its result; rejects with a coded error. */
  send(command: PipelineCommand, payload?: BatchPayload): Promise<Reply> {
    return this.#enqueue(command, payload, false);
  }

  /**
   * Takes no more commands, lets what is queued and the batch in progress come to their end, then stops. After
   * `timeoutMs` the batch is aborted and what still waits is refused. The pipeline's state does not change. False when the
   * time ended first: a connector that ignores its signal may still be at work.
   */
  async stop(timeoutMs: number, reason?: Error): Promise<boolean> {
    this.#ended ??= reason ?? stoppedError(this.key);
    this.#sessions.stopReading();
    this.#sessions.interruptIfAsked();
    const inTime = await this.#drain.wait(() => this.#idle, timeoutMs, this.#environment.clock);
    if (inTime) await this.#end(this.#ended);
    else await this.#end(reason ?? shutdownTimeout(this.key, timeoutMs), LATE_GRACE_MS);
    await this.#snapshots.settled();
    return inTime;
  }

  // What nact asks of the actor.

  initialState(): PipelineState {
    return initialState();
  }

  async loadSnapshot() {
    this.#recoveryStartedAt = this.#environment.clock.monotonic();
    this.#replayed = 0;
    this.#inDoubt?.restart();
    const snapshot = await this.#snapshots.load();
    this.#sequence = snapshot?.sequence ?? 0;
    return snapshot;
  }

  async *readEvents(sequence: number): AsyncGenerator<RecoveredChunk> {
    for await (const chunk of readValidated(this.#environment.journal, this.key, sequence, this.#reading.signal)) {
      this.#inDoubt?.compare(chunk.stored);
      this.#sequence = chunk.stored.at(-1)?.sequence ?? this.#sequence;
      this.#replayed += chunk.events.length;
      yield chunk;
    }
  }

  replay(state: PipelineState, chunk: unknown): PipelineState {
    let next = state;
    for (const event of (chunk as RecoveredChunk).events) next = evolve(next, event);
    return next;
  }

  recovered(state: PipelineState): void {
    const { clock, recorder } = this.#environment;
    this.#state = state;
    this.#recovered = true;
    this.#recoveryFailures = 0;
    recorder.recovered((clock.monotonic() - this.#recoveryStartedAt) / 1000, this.#replayed);
    this.#settleDoubt();
    if (this.#ended === undefined) {
      recorder.restore(this.key, this.#state);
      this.#sessions.openIfNeeded();
    }
    this.#resolveReady(this.#state);
    this.#kickIfNeeded();
    this.#drain.check();
  }

  async receive(state: PipelineState, context: ActorContext): Promise<PipelineState> {
    this.#kicked = false;
    this.#inTurn = true;
    try {
      const taken = this.#mailbox.take(GROUP_LIMIT);
      this.#watch?.turnStarted(taken);
      const plan = this.#plan(taken);
      if (plan.steps.length > 0) await this.#append(plan, context);
      this.#commit(plan);
      return plan.steps.length > 0 ? plan.state : state;
    } finally {
      this.#inTurn = false;
      this.#watch?.turnEnded();
      this.#kickIfNeeded();
      this.#drain.check();
    }
  }

  async persist(events: unknown): Promise<void> {
    const append = this.#environment.journal.append(this.key, this.#sequence, events as JournalEvent[]);
    const settled = append.then(
      () => {},
      () => {},
    );
    this.#appending = settled;
    try {
      await append;
    } finally {
      this.#appending = undefined;
    }
  }

  async onCrash(error: unknown): Promise<CrashDecision> {
    const recovering = !this.#recovered;
    this.#recovered = false;
    this.#watch?.failed();
    if (isHopeless(error)) {
      await this.#giveUp(error);
      return 'stop';
    }
    this.#environment.warn(`pipeline ${this.key} is recovered again after a fault`, error);
    if (recovering) this.#recoveryFailed(error);
    const decision = await this.#supervision.answer(error);
    if (decision === 'stop') await this.#end(this.#ended ?? stoppedError(this.key));
    return decision;
  }

  // The way of a command.

  #enqueue(command: PipelineCommand, payload: BatchPayload | undefined, internal: boolean): Promise<Reply> {
    return new Promise((resolve, reject) => {
      const envelope: Envelope = { command, payload, internal, enqueuedAt: NOT_WAITING, failures: 0, resolve, reject };
      if (this.#ended !== undefined && (!internal || this.#stopped)) {
        this.#environment.deadLetter();
        reject(this.#ended);
      } else if (this.#mailbox.offer(envelope)) {
        this.#watch?.enqueued(envelope, this.#mailbox.size);
        this.#kickIfNeeded();
      } else {
        this.#environment.deadLetter();
        reject(mailboxFull(this.key, this.#environment.limits.mailboxLimit));
      }
    });
  }

  #plan(envelopes: readonly Envelope[]): Plan {
    const { clock, random } = this.#environment;
    const { attempts, working } = this.#sessions;
    const plan = planTurn(this.#state, envelopes, {
      pipelineId: this.key,
      now: clock.now(),
      random,
      heldBatchId: attempts?.batchId,
      working,
      deferred: this.#deferred,
    });
    this.#deferred = plan.deferred;
    return plan;
  }

  async #append(plan: Plan, context: ActorContext): Promise<void> {
    const { clock, recorder } = this.#environment;
    const events = plan.steps.map(toJournalEvent);
    const startedAt = clock.monotonic();
    try {
      await context.persist(events);
    } catch (error) {
      this.#inDoubt = new AppendInDoubt(plan, this.#sequence, events, error);
      throw error;
    }
    this.#sequence += events.length;
    this.#supervision.succeeded();
    recorder.appended((clock.monotonic() - startedAt) / 1000);
  }

  /** The plan is durable: evolve, record, act, reply. */
  #commit(plan: Plan): void {
    if (plan.steps.length > 0) this.#state = plan.state;
    this.#watch?.committed(plan);
    let sequence = this.#sequence - plan.steps.length;
    for (const step of plan.steps) {
      const { event, before, after } = step;
      this.#sessions.inSenderContext(step, () => this.#environment.recorder.record(event, before, after));
      this.#sessions.act(step, ++sequence);
      if (this.#listeners.size > 0) this.#tell((listener) => listener.changed?.(step));
    }
    this.#snapshots.reached(this.#state, this.#sequence);
    for (const answer of plan.answers) {
      const { envelope } = answer;
      if (answer.kind === 'refused') envelope.reject(refusalError(answer.refusal, this.key));
      else if (answer.kind === 'accepted') envelope.resolve({ state: answer.state });
      else {
        this.#environment.recorder.batchDeduplicated(this.key);
        envelope.resolve({ state: answer.state, batch: answer.batch });
      }
    }
    if (this.#deferred.length > 0) this.#sessions.interruptIfAsked();
    // A late append of an actor that has stopped counts, but must not bring its gauges back.
    if (this.#stopped) this.#environment.recorder.release(this.key);
  }

  /** A listener's own fault is not the pipeline's. */
  #tell(about: (listener: PipelineListener) => void): void {
    for (const listener of this.#listeners) {
      try {
        about(listener);
      } catch (error) {
        this.#environment.warn(`a listener of pipeline ${this.key} failed`, error);
      }
    }
  }

  // After a fault.

  /** Decides what became of the append that failed, now that the journal has been read. */
  #settleDoubt(): void {
    const doubt = this.#inDoubt;
    if (doubt === undefined) return;
    const verdict = doubt.verdict(this.#sequence);
    if (verdict === 'conflict') {
      void this.#giveUp(doubt.conflict(this.key, this.#sequence));
      return;
    }
    this.#inDoubt = undefined;
    if (verdict === 'durable') this.#commit(doubt.plan);
    else this.#takeAgain(doubt);
  }

  #takeAgain({ plan, error }: AppendInDoubt): void {
    const tries = codeOf(error) === 'DATAFLOW_ERR_JOURNAL_FULL' ? 1 : APPEND_TRIES;
    const again: Envelope[] = [];
    for (const envelope of plan.envelopes) {
      envelope.failures += 1;
      if (envelope.internal || envelope.failures < tries) again.push(envelope);
      else envelope.reject(appendFailed(this.key, error));
    }
    this.#mailbox.putBack([...again, ...this.#deferredOf(plan)]);
  }

  /** Commands that only this plan deferred wait again in the mailbox, since the plan is void. */
  #deferredOf(plan: Plan): readonly Envelope[] {
    const waiting = this.#deferred.filter((envelope) => !plan.envelopes.includes(envelope));
    this.#deferred = [];
    return waiting;
  }

  #recoveryFailed(error: unknown): void {
    this.#recoveryFailures += 1;
    if (this.#recoveryFailures < APPEND_TRIES) return;
    const failure = recoveryFailed(this.key, error);
    this.#rejectReady(failure);
    const waiting = this.#mailbox.take(Number.POSITIVE_INFINITY);
    this.#mailbox.putBack(waiting.filter((envelope) => envelope.internal));
    for (const envelope of waiting) if (!envelope.internal) envelope.reject(failure);
  }

  async #giveUp(error: unknown): Promise<void> {
    const reason = error instanceof Error ? error : new Error(messageOf(error));
    this.#environment.warn(`pipeline ${this.key} takes no more commands`, error);
    this.#rejectReady(reason);
    await this.#end(reason);
  }

  /** Refuses what waits, closes the session, stops the nact actor. Idempotent. */
  async #end(reason: Error, graceMs?: number): Promise<void> {
    this.#ended = reason;
    this.#stopped = true;
    this.#reading.abort();
    this.#supervision.cancel();
    const inDoubt = this.#inDoubt?.plan.envelopes ?? [];
    this.#inDoubt = undefined;
    const waiting = [...inDoubt, ...this.#deferred, ...this.#mailbox.take(Number.POSITIVE_INFINITY)];
    this.#deferred = [];
    for (const envelope of waiting) {
      if (!envelope.internal) this.#environment.deadLetter();
      envelope.reject(reason);
    }
    this.#rejectReady(reason);
    await this.#sessions.close(reason, graceMs);
    this.#handle.stop();
    this.#watch?.stopped();
    this.#environment.recorder.release(this.key);
    this.#tell((listener) => listener.ended?.(reason));
    this.#listeners.clear();
    this.#drain.check();
  }

  // Bookkeeping.

  get #idle(): boolean {
    if (this.#stopped) return true;
    const waiting = this.#mailbox.size > 0 || this.#deferred.length > 0 || this.#inDoubt !== undefined;
    return !waiting && !this.#inTurn && !this.#sessions.working;
  }

  #kickIfNeeded(): void {
    if (this.#kicked || this.#mailbox.size === 0) return;
    this.#kicked = true;
    this.#handle?.kick();
  }
}
