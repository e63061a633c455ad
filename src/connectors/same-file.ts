import type { SinkSpec, SourceSpec } from '../domain/spec.ts';
import type { Problem } from '../errors.ts';
import { pathOf, realPathOf } from './file-path.ts';

interface Ends {
  readonly source: SourceSpec | undefined;
  readonly sink: SinkSpec | undefined;
  readonly deadLetter: SinkSpec | undefined;
}

/** Problems of a pipeline whose file connectors would write what another of them reads or writes. */
export function sameFileProblems(ends: Ends): readonly Problem[] {
  const files: { readonly name: string; readonly path: string }[] = [];
  const problems: Problem[] = [];
  const add = (name: string, spec: SourceSpec | SinkSpec | undefined): void => {
    if (spec?.type !== 'file') return;
    const path = pathOf(spec.connectionString);
    if (path === undefined) return;
    const real = realPathOf(path);
    const other = files.find((file) => file.path === real);
    if (other !== undefined) {
      problems.push({
        path: `${name}.connectionString`,
        expected: `another file than that of ${other.name}`,
        got: 'the same file',
      });
    }
    files.push({ name, path: real });
  };
  add('source', ends.source);
  add('sink', ends.sink);
  add('deadLetter', ends.deadLetter);
  return problems;
}
