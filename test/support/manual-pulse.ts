import { Pulse } from '../../src/telemetry/pulse.ts';

/** It beats when it is told to. */
export class ManualPulse extends Pulse {
  beat = (): void => {};

  override onBeat(listener: () => void): () => void {
    this.beat = listener;
    return () => {
      this.beat = () => {};
    };
  }
}
