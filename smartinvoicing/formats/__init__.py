"""How Django writes dates where no filter of ours does: the pages of the desk."""
