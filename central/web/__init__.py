"""Pages: layout, languages, tables, forms, exports, the live feed and the built-in manual."""
