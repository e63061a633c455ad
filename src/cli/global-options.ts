/** Options that every command takes. */
export interface GlobalOptions {
  readonly config?: string;
  readonly journal?: string;
  readonly verbose?: boolean;
}
