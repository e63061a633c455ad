import { HIDDEN, redactText } from '../domain/secrets.ts';

export type CheckStatus = 'ok' | 'warning' | 'failed' | 'skipped';

/** What one check of an endpoint has found. */
export interface Check {
  /** A stable name, for instance `reachable`. */
  readonly check: string;
  readonly status: CheckStatus;
  readonly seen: string;
  /** What to do about it: with every warning and failure. */
  readonly remedy?: string;
}

/** What was seen that should not be, and what to do about it. */
export interface Fault {
  readonly seen: string;
  readonly remedy: string;
}

export function ok(check: string, seen: string): Check {
  return { check, status: 'ok', seen };
}

export function warning(check: string, { seen, remedy }: Fault): Check {
  return { check, status: 'warning', seen, remedy };
}

export function failed(check: string, { seen, remedy }: Fault): Check {
  return { check, status: 'failed', seen, remedy };
}

export function skipped(check: string, seen: string): Check {
  return { check, status: 'skipped', seen };
}

const LONGEST = 600;

/** The check as it may be shown: on one line, of bounded length, without these secrets and what looks like one. */
export function presentable(check: Check, secrets: readonly string[]): Check {
  const clean = (text: string): string => {
    let shown = text;
    for (const secret of secrets) if (secret !== '') shown = shown.replaceAll(secret, HIDDEN);
    shown = redactText(shown)
      .replaceAll(/[\p{Cc}\u2028\u2029]+/gu, ' ')
      .trim();
    return shown.length > LONGEST ? `${shown.slice(0, LONGEST)}…` : shown;
  };
  const { remedy } = check;
  return { ...check, seen: clean(check.seen), ...(remedy !== undefined && { remedy: clean(remedy) }) };
}

/** The first few of many, with the number of the others. */
export function listed(items: readonly string[], most = 5): string {
  const shown = items.slice(0, most).join(', ');
  return items.length > most ? `${shown} and ${items.length - most} more` : shown;
}
