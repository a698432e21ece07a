/** What a server's answer says is wrong, setting by setting, and what belongs to none of them. */
export interface Blame {
  at: Map<string, string>
  rest: string[]
}

/**
 * Find out which of the settings that were sent a problem belongs to.
 *
 * The server names each in its own sentence, or in its own line where there are several:
 * `llm.temperature in the changed myna.toml (line 3): must be less than or equal to 2, not 9.`
 */
export function blamed(message: string, names: string[]): Blame {
  const lines = message.split('\n  - ')
  const told = lines.length > 1 ? lines.slice(1) : lines
  const at = new Map<string, string>()
  const rest: string[] = []
  for (const line of told.map((each) => each.trim())) {
    const name = firstNamed(line, names)
    if (name === null) rest.push(line)
    else at.set(name, [at.get(name), line.replace(PLACE, '')].filter(Boolean).join(' '))
  }
  return { at, rest }
}

/** Who reads it at its field knows which one, and where it would be written. */
const PLACE = /^[\w.-]+ in the changed .*?: /

function firstNamed(line: string, names: string[]): string | null {
  const places = names
    .map((name) => ({ name, place: placeOf(line, name) }))
    .filter(({ place }) => place >= 0)
    .sort((one, other) => one.place - other.place)
  return places[0]?.name ?? null
}

/** Where a name stands in a text, not as a part of another one. */
function placeOf(text: string, name: string): number {
  const escaped = name.replace(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`)
  return text.search(new RegExp(String.raw`(?<![\w.-])${escaped}(?![\w-]|\.\w)`, 'u'))
}
