/**
 * An empty record, or a shallow copy of one. Unlike a literal it has no allocation site: V8 sees records of a batch
 * survive until they are written, and would from then on put all of them where only a full collection finds them,
 * which costs a third of the memory of a running pipeline.
 */
export function newRecord(from?: object): Record<string, unknown> {
  const record = Object.create(Object.prototype) as Record<string, unknown>;
  if (from === undefined) return record;
  // An own field of that name, which JSON can make, must stay a field and not become the prototype.
  return Object.hasOwn(from, '__proto__') ? { ...from } : Object.assign(record, from);
}
