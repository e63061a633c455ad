/**
 * PORT: what the runtime tells of its actors, whatever the pipelines in them do. Owned here, implemented by the metrics.
 *
 * R1. Without an observer no time is taken and nothing is called.
 * R2. No method throws. After `stopped` an actor may still tell the rest of what was in flight, but none of its own
 *     series may come back.
 */
export interface ObservedActor {
  /** `dataflow/<pipeline id>`. */
  readonly path: string;
  /** Commands in the mailbox now. */
  readonly mailboxSize: number;
}

export interface ActorObserver {
  /** An actor was spawned; what becomes of it is told to the observation. */
  started(actor: ObservedActor): ActorObservation;
  /** A command found no actor that could take it. */
  deadLetter(): void;
  /** All actors stop because their system does: what they have counted is still to be exported. */
  ending(): void;
}

export interface ActorObservation {
  /** A command came in; the mailbox now holds `mailboxSize`. */
  enqueued(mailboxSize: number): void;
  /** The first turn that took a command came so many s after the command. Once for each command. */
  waited(seconds: number): void;
  /** A turn ended, with success or not, after so many s. */
  turnEnded(seconds: number): void;
  /** So many commands were decided for good, `unhandled` of them refused. */
  processed(count: number, unhandled: number): void;
  /** The actor crashed, while it worked or while it recovered. */
  failed(): void;
  /** The actor takes no more turns. Idempotent. */
  stopped(): void;
}
