import { joinPath, nearest } from '../domain/problem-collector.ts';
import type { PipelineConfig, SinkSpec, SourceSpec, TransformSpec } from '../domain/spec.ts';
import { codeOf, DataflowError, describeProblem, type Problem } from '../errors.ts';
import { type Clock, systemClock } from '../runtime/clock.ts';
import type { PipelineConnectors, Sink, Source, Transform } from '../runtime/connector.ts';
import type { ConnectorDefinition } from './definition.ts';
import { type Environment, refersToEnvironment, resolveEnvironment } from './environment.ts';
import { sameFileProblems } from './same-file.ts';
import { FILE_SINK } from './sinks/file.ts';
import { NULL_SINK } from './sinks/null.ts';
import { STDOUT_SINK } from './sinks/stdout.ts';
import { FILE_SOURCE } from './sources/file.ts';
import { PUSH_SOURCE } from './sources/push.ts';
import { CONVERT_TRANSFORM } from './transforms/convert.ts';
import { DROP_TRANSFORM } from './transforms/drop.ts';
import { FILTER_TRANSFORM } from './transforms/filter.ts';
import { MAP_TRANSFORM } from './transforms/map.ts';
import { RENAME_TRANSFORM } from './transforms/rename.ts';
import {
  type SinkFactory,
  type SourceFactory,
  type TransformFactory,
  toSink,
  toSource,
  toTransform,
} from './user-code.ts';

type Kind = 'source' | 'transform' | 'sink';
type Definitions<Spec, Port> = Map<string, ConnectorDefinition<Spec, Port>>;

export interface RegistryOptions {
  /** Default: the system's. */
  readonly clock?: Clock;
  /** Where `${NAME}` is looked up when connectors are created; default: process.env. */
  readonly env?: Environment;
}

/** Which source, transform and sink types there are, and what each makes of a specification. */
export class ConnectorRegistry {
  readonly #sources: Definitions<SourceSpec, Source | undefined> = new Map();
  readonly #transforms: Definitions<TransformSpec, Transform> = new Map();
  readonly #sinks: Definitions<SinkSpec, Sink> = new Map();
  readonly #clock: Clock;
  readonly #env: Environment;

  constructor({ clock = systemClock, env = process.env }: RegistryOptions = {}) {
    this.#clock = clock;
    this.#env = env;
  }

  /** A factory is called each time a pipeline starts. A type that is registered already is refused. */
  registerSource(type: string, source: SourceFactory | ConnectorDefinition<SourceSpec, Source | undefined>): this {
    const definition =
      typeof source === 'function' ? made((spec: SourceSpec) => toSource(source(spec), this.#clock)) : source;
    return this.#register('source', this.#sources, type, definition);
  }

  registerTransform(type: string, transform: TransformFactory | ConnectorDefinition<TransformSpec, Transform>): this {
    const definition =
      typeof transform === 'function' ? made(({ config }: TransformSpec) => toTransform(transform(config))) : transform;
    return this.#register('transform', this.#transforms, type, definition);
  }

  registerSink(type: string, sink: SinkFactory | ConnectorDefinition<SinkSpec, Sink>): this {
    const definition = typeof sink === 'function' ? made((spec: SinkSpec) => toSink(sink(spec))) : sink;
    return this.#register('sink', this.#sinks, type, definition);
  }

  /** The registered type names, in order of registration. */
  types(kind: Kind): readonly string[] {
    const definitions = { source: this.#sources, transform: this.#transforms, sink: this.#sinks }[kind];
    return [...definitions.keys()];
  }

  /**
   * Every problem of a pipeline's connectors, with paths from the configuration's root such as `source.options.format` or
   * `transforms.0.config.expression`. A part that refers to environment variables is checked with their values, which no
   * problem shows; where one is not set, the part is checked when it is created.
   */
  validate(config: PipelineConfig): readonly Problem[] {
    return [
      ...this.#unknownTypes(config),
      ...this.#problemsOf(this.#sources, config.source, 'source'),
      ...config.transforms.flatMap((spec, index) =>
        this.#problemsOf(this.#transforms, spec, joinPath('transforms', index)),
      ),
      ...this.#problemsOf(this.#sinks, config.sink, 'sink'),
      ...this.#problemsOf(this.#sinks, config.deadLetter, 'deadLetter'),
      ...sameFileProblems({
        source: this.#resolved(config.source),
        sink: this.#resolved(config.sink),
        deadLetter: this.#resolved(config.deadLetter),
      }),
    ];
  }

  /**
   * New connectors for a run, with the environment's values filled in.
   *
   * @throws DataflowError DATAFLOW_ERR_CONNECTOR_UNKNOWN, DATAFLOW_ERR_CONNECTOR_INVALID; what a user's factory throws.
   */
  create(config: PipelineConfig): PipelineConnectors {
    const unknown = this.#unknownTypes(config);
    if (unknown.length > 0) throw refused('DATAFLOW_ERR_CONNECTOR_UNKNOWN', unknown);
    const { source, transforms, sink, deadLetter } = resolveEnvironment(
      {
        source: config.source,
        transforms: config.transforms,
        sink: config.sink,
        deadLetter: config.deadLetter,
      },
      this.#env,
    );
    const problems = this.validate(config);
    if (problems.length > 0) throw refused('DATAFLOW_ERR_CONNECTOR_INVALID', problems);
    return {
      source: this.#sources.get(source.type)!.create(source),
      transforms: transforms.map((spec) => this.#transforms.get(spec.type)!.create(spec)),
      sink: this.#sinks.get(sink.type)!.create(sink),
      deadLetter: deadLetter && this.#sinks.get(deadLetter.type)!.create(deadLetter),
    };
  }

  #register<Spec, Port>(
    kind: Kind,
    definitions: Definitions<Spec, Port>,
    type: string,
    definition: ConnectorDefinition<Spec, Port>,
  ): this {
    if (typeof type !== 'string' || type.trim() === '') {
      throw new DataflowError('DATAFLOW_ERR_CONNECTOR_INVALID', `The type name of a ${kind} must be a non-empty text.`);
    }
    if (definitions.has(type)) {
      throw new DataflowError(
        'DATAFLOW_ERR_CONNECTOR_INVALID',
        `A ${kind} of type ${type} is registered already. Choose another type name.`,
      );
    }
    definitions.set(type, definition);
    return this;
  }

  #unknownTypes({ source, transforms, sink, deadLetter }: PipelineConfig): readonly Problem[] {
    const missing = (kind: Kind, spec: { readonly type: string } | undefined, path: string): Problem[] =>
      spec === undefined || this.types(kind).includes(spec.type)
        ? []
        : [unknownType(kind, spec.type, this.types(kind), path)];
    return [
      ...missing('source', source, 'source'),
      ...transforms.flatMap((spec, index) => missing('transform', spec, joinPath('transforms', index))),
      ...missing('sink', sink, 'sink'),
      ...missing('sink', deadLetter, 'deadLetter'),
    ];
  }

  #problemsOf<Spec extends { readonly type: string }, Port>(
    definitions: Definitions<Spec, Port>,
    spec: Spec | undefined,
    path: string,
  ): readonly Problem[] {
    const definition = spec === undefined ? undefined : definitions.get(spec.type);
    const resolved = this.#resolved(spec);
    if (definition === undefined || resolved === undefined) return [];
    const hidden = refersToEnvironment(spec);
    return definition.validate(resolved).map((problem) => ({
      ...problem,
      path: problem.path === '' ? path : `${path}.${problem.path}`,
      got: hidden ? 'something else (values from the environment are not shown)' : problem.got,
    }));
  }

  /** undefined where a variable is not set. */
  #resolved<T>(spec: T): T | undefined {
    try {
      return resolveEnvironment(spec, this.#env);
    } catch (error) {
      if (codeOf(error) === 'DATAFLOW_ERR_CONNECTOR_INVALID') return undefined;
      throw error;
    }
  }
}

/** A registry with every built-in type; each platform has its own. */
export function createDefaultRegistry(options: RegistryOptions = {}): ConnectorRegistry {
  return new ConnectorRegistry(options)
    .registerSource('file', FILE_SOURCE)
    .registerSource('push', PUSH_SOURCE)
    .registerTransform('filter', FILTER_TRANSFORM)
    .registerTransform('map', MAP_TRANSFORM)
    .registerTransform('rename', RENAME_TRANSFORM)
    .registerTransform('drop', DROP_TRANSFORM)
    .registerTransform('convert', CONVERT_TRANSFORM)
    .registerSink('file', FILE_SINK)
    .registerSink('stdout', STDOUT_SINK)
    .registerSink('null', NULL_SINK);
}

/** A definition of code's own, which checks its specification itself when it is called. */
function made<Spec, Port>(create: (spec: Spec) => Port): ConnectorDefinition<Spec, Port> {
  return { validate: () => [], create };
}

function unknownType(kind: Kind, type: string, known: readonly string[], path: string): Problem {
  const meant = nearest(type, known);
  const hint = meant === undefined ? '' : `; did you mean ${meant}?`;
  const list = known.length === 0 ? 'none is registered' : known.join(', ');
  return { path: `${path}.type`, expected: `a registered ${kind} type (${list})${hint}`, got: JSON.stringify(type) };
}

function refused(
  code: 'DATAFLOW_ERR_CONNECTOR_UNKNOWN' | 'DATAFLOW_ERR_CONNECTOR_INVALID',
  problems: readonly Problem[],
): DataflowError {
  const message = `The pipeline's connectors cannot be created: ${problems.map(describeProblem).join('; ')}.`;
  return new DataflowError(code, message, { problems });
}
