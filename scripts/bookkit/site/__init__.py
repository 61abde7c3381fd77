"""Let MkDocs make the site of the pages.

In: woven pages. Out: HTML. `mkdocs_hook` is what MkDocs calls; `npm` brings
what the browser needs, `griffe_book` adds links to the API reference,
`mend` mends a page, `notebook_pages` the view of a notebook. `rendered`
renders a page only if it changed.
"""
