/** What a control has of the field that it stands in. */
export interface Attributes {
  id?: string
  'aria-describedby'?: string | undefined
  'aria-invalid'?: 'true' | undefined
}
