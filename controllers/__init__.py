"""Controllers other than Max for Live; see docs/controllers.md. Two of them are built from here."""
