import type { Problem } from '../errors.ts';

/** A connector type: how a specification is checked, and how a connector is made from a checked one. */
export interface ConnectorDefinition<Spec, Port> {
  /** Every problem at once, with paths relative to the specification, for instance `options.format`. */
  validate(spec: Spec): readonly Problem[];
  create(spec: Spec): Port;
}
