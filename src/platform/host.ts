import { systemClock, type Clock } from './clock.ts';
import { resolvePlaces, type Places } from './places.ts';
import { here } from './platform.ts';

/** The machine as a service sees it; tests hand in another one. */
export interface Host {
  env: NodeJS.ProcessEnv;
  /** What it is like: `platformOf`. */
  platform: NodeJS.Platform;
  places: Places;
  clock: Clock;
}

export function currentHost(): Host {
  return {
    env: process.env,
    platform: here.name,
    places: resolvePlaces(),
    clock: systemClock,
  };
}
