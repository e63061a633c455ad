/**
 * How many of `total` keys the node of this name holds when they are shared evenly: those that sort first by name hold
 * one more where they do not divide. The targets of all nodes add up to `total`.
 */
export function shareOf(total: number, nodes: readonly string[], name: string): number {
  const sorted = [...new Set([...nodes, name])].sort();
  const rank = sorted.indexOf(name);
  return Math.floor(total / sorted.length) + (rank < total % sorted.length ? 1 : 0);
}
