import type { Environment } from '../connectors/environment.ts';
import { isMapping, joinPath, own, ProblemCollector } from '../domain/problem-collector.ts';
import type { PipelineConfig, PipelineDefinition } from '../domain/spec.ts';
import { parsePipelineSpec, withoutConsequences } from '../domain/validate.ts';
import { codeOf, DataflowError, describeProblem, type ErrorCode, type Problem } from '../errors.ts';
import { expandPipeline } from './pipeline-template.ts';
import { readYamlFile, type YamlFile } from './yaml-file.ts';

export interface LoadedPipeline {
  /** Complete and frozen; templates in connection strings, options and configs are not replaced. */
  readonly definition: PipelineDefinition;
  /** The same in the shape that `spawnPipeline` takes. */
  readonly spec: PipelineConfig & Pick<PipelineDefinition, 'id' | 'name' | 'description'>;
  readonly file: string;
  /** 1-based line at which the pipeline begins. */
  readonly line: number;
}

export interface LoadPipelinesOptions {
  /** Default: process.env. */
  readonly env?: Environment | undefined;
  /** Whether the types are known and their options right; paths as in the specification, for instance `sink.options.format`. */
  readonly validateConnectors?: ((config: PipelineConfig) => readonly Problem[]) | undefined;
}

/**
 * The pipelines of one or more files. Every problem of every file is collected, with file, line, column, path, expected
 * and got, and thrown as one error: DATAFLOW_ERR_CONFIG_UNREADABLE if a file could not be read, else
 * DATAFLOW_ERR_CONFIG_SYNTAX if one does not parse, else DATAFLOW_ERR_PIPELINE_INVALID. Relative paths inside the
 * specifications start at the working directory of the process, not at the file.
 */
export async function loadPipelineFiles(
  paths: readonly string[],
  options: LoadPipelinesOptions = {},
): Promise<readonly LoadedPipeline[]> {
  const loading = new Loading(options.env ?? process.env, options.validateConnectors ?? (() => []));
  for (const path of new Set(paths)) await loading.add(path);
  return loading.finish();
}

export async function loadPipelinesFile(
  path: string,
  options: LoadPipelinesOptions = {},
): Promise<readonly LoadedPipeline[]> {
  return loadPipelineFiles([path], options);
}

class Loading {
  readonly #env: Environment;
  readonly #validateConnectors: (config: PipelineConfig) => readonly Problem[];
  readonly #problems: Problem[] = [];
  readonly #loaded: LoadedPipeline[] = [];
  readonly #firstUse = new Map<string, string>();
  readonly #codes = new Set<ErrorCode>();

  constructor(env: Environment, validateConnectors: (config: PipelineConfig) => readonly Problem[]) {
    this.#env = env;
    this.#validateConnectors = validateConnectors;
  }

  async add(path: string): Promise<void> {
    let file: YamlFile;
    try {
      file = await readYamlFile(path);
    } catch (error) {
      if (codeOf(error)?.startsWith('DATAFLOW_') !== true) throw error;
      const { code, problems } = error as DataflowError;
      this.#codes.add(code);
      this.#problems.push(...problems);
      return;
    }
    this.#addAll(file);
  }

  #addAll(file: YamlFile): void {
    const check = new ProblemCollector();
    const root = check.mapping(file.value, '', ['pipelines']);
    const list = root === undefined ? [] : own(root, 'pipelines');
    if (!Array.isArray(list) || (root !== undefined && list.length === 0)) {
      check.refuse('pipelines', 'a list of at least one pipeline', list);
    }
    this.#report(file, '', check.problems);
    if (Array.isArray(list))
      for (const [index, item] of list.entries()) this.#addOne(file, item, joinPath('pipelines', index));
  }

  #addOne(file: YamlFile, item: unknown, path: string): void {
    const { spec, problems } = expandPipeline(item, this.#env);
    this.#report(file, path, problems);
    // One wrong variable is one problem, not also a bad value at the same place.
    const known = new Set(problems.map((problem) => problem.path));
    const report = (more: readonly Problem[]) =>
      this.#report(
        file,
        path,
        more.filter((problem) => !known.has(problem.path)),
      );
    const parsed = parsePipelineSpec(spec);
    this.#checkUnique(file, isMapping(spec) ? own(spec, 'id') : undefined, path);
    if (!parsed.ok) {
      const found = parsed.partial === undefined ? [] : this.#validateConnectors(parsed.partial.config);
      report([...parsed.problems, ...withoutConsequences(found, parsed.problems)]);
      return;
    }
    const { definition } = parsed;
    report(this.#validateConnectors(definition.config));
    const { config, ...head } = definition;
    this.#loaded.push({ definition, spec: { ...head, ...config }, file: file.file, line: file.locate(path).line });
  }

  #checkUnique(file: YamlFile, id: unknown, path: string): void {
    if (typeof id !== 'string' || id === '') return;
    const here = `${file.file}:${file.locate(joinPath(path, 'id')).line}`;
    const first = this.#firstUse.get(id);
    if (first === undefined) this.#firstUse.set(id, here);
    else
      this.#report(file, path, [
        { path: 'id', expected: `an id not used yet (first at ${first})`, got: JSON.stringify(id) },
      ]);
  }

  #report(file: YamlFile, path: string, problems: readonly Problem[]): void {
    for (const problem of problems) {
      const whole = [path, problem.path].filter((part) => part !== '').join('.');
      this.#problems.push({ ...problem, path: whole, file: file.file, ...file.locate(whole) });
    }
  }

  finish(): readonly LoadedPipeline[] {
    if (this.#problems.length === 0) return this.#loaded;
    const code = (['DATAFLOW_ERR_CONFIG_UNREADABLE', 'DATAFLOW_ERR_CONFIG_SYNTAX'] as const).find((candidate) =>
      this.#codes.has(candidate),
    );
    const count = this.#problems.length === 1 ? '1 problem' : `${this.#problems.length} problems`;
    const lines = this.#problems.map((problem) => `\n  ${describeProblem(problem)}`).join('');
    throw new DataflowError(
      code ?? 'DATAFLOW_ERR_PIPELINE_INVALID',
      `The pipelines have ${count}; nothing was started. Correct:${lines}`,
      { problems: this.#problems },
    );
  }
}
