import type { Snippet } from 'svelte'
import type { Paint } from '../heads'

/** What every drawing of a head takes: where the head leans, and the features that it puts between its layers. */
export interface DrawingProps {
  /** An SVG transform of the head over its shoulders. */
  pose: string
  /** Begins every id in the drawing. */
  uid: string
  avatar: string
  body: Paint['body']
  children: Snippet
}
