/** What turns the direction of the text behind it, and so could make a line say something else than it does. */
const TURNING = /[\u202A-\u202E\u2066-\u2069]/g

/** A text of a user's or a model's, fit to be shown beside others. */
export function plain(text: string): string {
  return text.replace(TURNING, '')
}
