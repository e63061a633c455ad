/** `*` stands for anything but the separator, `**` for anything; the whole text must match. */
export function globPattern(glob: string, separator: '.' | '/'): RegExp {
  const source = glob
    .split(/(\*\*|\*)/)
    .map((part) =>
      part === '**'
        ? '.*'
        : part === '*'
          ? `[^${separator}]*`
          : part.replaceAll(/[\\^$.*+?()[\]{}|]/g, String.raw`\$&`),
    )
    .join('');
  return new RegExp(`^${source}$`, 's');
}
