import Plant

SimCommand.main()
