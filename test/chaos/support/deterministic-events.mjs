/** Events that can be told from their place alone, so that whoever reads them knows whether they are right. */
export function eventAt(key, sequence, bytes) {
  return {
    data: { type: 'Written', key, sequence, text: `${key}/${sequence} `.repeat(Math.ceil(bytes / (key.length + 4))) },
    tags: [key, sequence % 2 === 0 ? 'even' : 'odd'],
    timestamp: sequence,
  };
}
