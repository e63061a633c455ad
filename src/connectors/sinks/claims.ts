/** The files that sinks of this process have open, by device and inode, so that links to one file are one file. */
const owners = new Map<string, string>();

export interface Claim {
  release(): void;
}

/** Takes the file for `owner`, or returns who has it. */
export function claimFile(device: bigint, inode: bigint, owner: string): Claim | string {
  const key = `${device}:${inode}`;
  const holder = owners.get(key);
  if (holder !== undefined) return holder;
  owners.set(key, owner);
  return {
    release() {
      owners.delete(key);
    },
  };
}
