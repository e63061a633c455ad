import { useState } from 'preact/hooks';
import { ApiError, send } from '../api/client.ts';
import type { Action, PipelineDetail } from '../api/contract.ts';
import { Modal } from '../parts/modal.tsx';
import { say } from '../parts/notice.tsx';
import { Problem } from '../parts/problem.tsx';

type Offered = Exclude<Action, 'updateConfig'>;

interface Wording {
  readonly title: string;
  readonly effect: string;
  readonly done: string;
  /** Whether the journal keeps a reason for it. */
  readonly reason: boolean;
  readonly tone?: 'danger' | 'primary';
}

const WORDING: Readonly<Record<Offered, Wording>> = {
  start: {
    title: 'Start',
    effect: 'The pipeline reads on from its checkpoint.',
    done: 'is running',
    reason: false,
    tone: 'primary',
  },
  resume: {
    title: 'Resume',
    effect: 'The pipeline reads on from its checkpoint.',
    done: 'is running',
    reason: false,
    tone: 'primary',
  },
  pause: {
    title: 'Pause',
    effect: 'The pipeline reads no further batch until it is resumed. Its numbers and its checkpoint stay.',
    done: 'is paused',
    reason: true,
  },
  stop: {
    title: 'Stop',
    effect: 'The batch in progress ends as the specification says, then the pipeline stops. Start runs it on.',
    done: 'is stopped',
    reason: true,
  },
  reset: {
    title: 'Reset',
    effect: 'The failure is cleared and the pipeline is configured again. Its checkpoint stays; start runs it on.',
    done: 'is configured again',
    reason: false,
    tone: 'primary',
  },
  remove: {
    title: 'Remove',
    effect: 'The pipeline is stopped and taken away with its checkpoint and its metrics. This cannot be undone.',
    done: 'is removed',
    reason: false,
    tone: 'danger',
  },
};

const ORDER = Object.keys(WORDING) as Offered[];

export interface PipelineActionsProps {
  readonly pipeline: PipelineDetail;
  readonly onDone: () => void;
}

/** The buttons for what the state allows, each with a dialog that says what it does. */
export function PipelineActions({ pipeline, onDone }: PipelineActionsProps) {
  const [asked, setAsked] = useState<Offered | null>(null);
  const allowed = ORDER.filter((action) => pipeline.allowedActions.includes(action));
  return (
    <div class="actions">
      {allowed.map((action, place) => (
        <button
          // Places counted from the right keep still, what stands in them changes.
          key={allowed.length - place}
          type="button"
          class={WORDING[action].tone ?? ''}
          onClick={() => setAsked(action)}
        >
          {WORDING[action].title}
        </button>
      ))}
      {asked !== null && (
        <Confirmation action={asked} pipeline={pipeline} onClose={() => setAsked(null)} onDone={onDone} />
      )}
    </div>
  );
}

interface ConfirmationProps extends PipelineActionsProps {
  readonly action: Offered;
  readonly onClose: () => void;
}

function Confirmation({ action, pipeline, onClose, onDone }: ConfirmationProps) {
  const { title, effect, done, reason: hasReason, tone = 'primary' } = WORDING[action];
  const [reason, setReason] = useState('');
  const [sending, setSending] = useState(false);
  const [error, setError] = useState<ApiError | null>(null);

  const act = async (): Promise<void> => {
    setSending(true);
    setError(null);
    const path = `/api/v1/pipelines/${encodeURIComponent(pipeline.id)}`;
    try {
      if (action === 'remove') await send(path, { method: 'DELETE' });
      else {
        const body = hasReason && reason.trim() !== '' ? { reason: reason.trim() } : {};
        await send(`${path}/${action}`, { method: 'POST', body });
      }
      say(`${pipeline.name} ${done}.`);
      onClose();
      if (action === 'remove') location.hash = '#/pipelines';
      else onDone();
    } catch (thrown) {
      if (!(thrown instanceof ApiError)) throw thrown;
      setError(thrown);
      setSending(false);
    }
  };

  return (
    <Modal title={`${title} ${pipeline.name}?`} onClose={onClose}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void act();
        }}
      >
        <p>{effect}</p>
        {hasReason && (
          <label class="field">
            Reason (optional, kept in the journal)
            <input
              type="text"
              maxLength={200}
              autocomplete="off"
              value={reason}
              onInput={(event) => setReason(event.currentTarget.value)}
            />
          </label>
        )}
        {error !== null && <Problem error={error} />}
        <div class="dialog-buttons">
          <button type="button" onClick={onClose}>
            Cancel
          </button>
          <button type="submit" class={tone} disabled={sending}>
            {title}
          </button>
        </div>
      </form>
    </Modal>
  );
}
