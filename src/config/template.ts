import { type Environment, resolveEnvironment } from '../connectors/environment.ts';
import { codeOf, type DataflowError } from '../errors.ts';

const MALFORMED = /\$\{(?!\w+(?::-[^}]*)?\})/;

export interface Expansion {
  readonly value: unknown;
  /** One for each variable that is not set and has no default; `value` is unchanged then. */
  readonly faults: readonly string[];
}

/** `${NAME}` and `${NAME:-default}` replaced in every text of the value. */
export function expandTemplates(value: unknown, env: Environment): Expansion {
  try {
    return { value: resolveEnvironment(value, env), faults: [] };
  } catch (error) {
    if (codeOf(error)?.startsWith('DATAFLOW_') !== true) throw error;
    const { variables } = (error as DataflowError).details;
    return { value, faults: (variables as string[]).map((name) => `\${${name}}, which is not set`) };
  }
}

/** True for a text with a `${` that starts neither form, such as `${MY-NAME}`; it would stay as it is. */
export function isMalformedTemplate(text: string): boolean {
  return MALFORMED.test(text);
}
